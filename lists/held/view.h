// What people see of something that waits, where they decide about it without having it as a letter: the pages behind links
// (web/answer_pages.h). Who has the key may see it, as they may decide. Runs inside the caller's transaction.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lists/held/answer.h"
#include "lists/service_mail.h"
#include "storage/held_store.h"

namespace essaim::lists {

inline constexpr std::size_t kMostOthers = 40;

// Something that waits beside it, for the same people.
struct WaitingToo {
  storage::HeldRecord held;
  std::string what;   // of a request
  std::string words;  // of a post: how its text begins
};

struct HeldView {
  storage::HeldRecord held;
  std::string over;   // what became of it; "": it waits. Of what its list took along nothing else is told
  std::string title;  // "Please confirm: subscribe ann@x.example to dev@lists.example"
  std::string what;   // of a request: what is asked
  std::string words;  // of a post: how its text begins
  // Who was asked, and answers: one, or those of whom the reader is one, or a member of one that is a list. Never empty while
  // it waits.
  std::vector<smtp::Address> asked;
  bool confirms = false;  // by one person who is concerned; else others decide
  // What its deciders have to decide besides about the same list, oldest first, kMostOthers at most.
  std::vector<WaitingToo> others;
};

// Whether who may decide the one by its key, in time, may decide the other in the same breath: both wait, or waited, for
// the moderators, or the owners, of one list. Where the one is decided already, what came after that is no part of it: people
// show a key that is spent to others, as by answering the question with its author in copy.
bool is_decided_with(const storage::HeldRecord& other, const storage::HeldRecord& one);

// Whether the key of the one still decides others: it waits, or a page that was open meanwhile is pressed within the hour.
bool still_decides_others(const storage::HeldRecord& one, WallTime now);

// How the text of a post begins; "" of one that is decided, and of what is no post.
Result<std::string> beginning_of(WriteContext& context, const storage::HeldRecord& held);
// The same of its message.
Result<std::string> beginning_of(std::string_view message);

// Nothing: no such key (any more). `with_words`: also reads the messages, and what else waits.
Result<std::optional<HeldView>> view_held(WriteContext& context, const std::string& key,
                                          std::string_view language, bool with_words);

}  // namespace essaim::lists
