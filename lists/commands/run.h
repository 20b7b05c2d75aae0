// Runs the commands of one mail inside a write and gathers what to answer. Internal to lists/.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "lists/commands/parse.h"
#include "lists/held/answer.h"
#include "lists/recipients.h"
#include "lists/requests/request.h"

namespace essaim::lists {

// Of the target's domain, without its list.
storage::ListRecord domain_asked(const Target& target);

// Of DISTRIBUTE and the like: the key, and what looks like further ones behind it.
std::vector<std::string> keys_in(const Command& command);

class CommandRun {
 public:
  // `named_lists`: the answer to LISTS, where it was made before.
  CommandRun(WriteContext& context, const Target& target, const Requester& who,
             const std::optional<std::string>& named_lists)
      : context_(context), target_(target), who_(who), named_lists_(named_lists) {}

  Result<void> all(const Commands& commands);
  Result<void> answer();  // one mail with all results; nothing if there are none

 private:
  Result<std::string> one(const Command& command);
  // What costs more than it says and stands in the mail already: it is not done again.
  bool is_repeated(const Command& command);
  // Behind what is enough for who is not vouched for: a line for each of somebody's lists, but for the first time.
  bool is_too_much(const Command& command);
  Result<std::string> on_list(const Command& command, Verb verb);
  Result<std::string> on_all(const Command& command);
  Result<std::string> by_key(const Command& command);
  // Of a post that would pass beside others: they are one transaction.
  bool is_too_large(const storage::HeldRecord& held, const Answer& answer);
  // Further keys may follow the first: DISTRIBUTE dev KEY KEY.
  Result<std::string> by_keys(const Command& command);
  Result<std::optional<storage::ListRecord>> find_list(const std::string& name);
  // The command, over what became of it: the line, or what of it is ours.
  std::string quoted(const Command& command) const;
  std::string say(std::string_view english, Values values = {}) const;
  Result<std::string> run(const Request& request);

  WriteContext& context_;
  const Target& target_;
  const Requester& who_;
  const std::optional<std::string>& named_lists_;
  std::set<std::tuple<CommandKind, std::string, std::string>> done_once_;
  std::string results_;
  std::string found_;      // the list that the command named
  bool only_good_ = true;  // everything was done, or waits for an answer to what was sent
  bool help_ = false;
  bool long_ones_ = false;    // see is_too_much()
  std::uint64_t let_go_ = 0;  // octets of posts
};

}  // namespace essaim::lists
