// Runs the commands of one mail inside writes and gathers what to answer. Internal to lists/. What they do is done in as many
// transactions as it takes: "SIGNOFF *" may be about hundreds of lists, a DISTRIBUTE about forty posts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lists/commands/parse.h"
#include "lists/held/answer.h"
#include "lists/plan.h"
#include "lists/recipients.h"
#include "lists/requests/request.h"

namespace essaim::lists {

// Of the target's domain, without its list.
storage::ListRecord domain_asked(const Target& target);

// Of DISTRIBUTE and the like: the key, and what looks like further ones behind it.
std::vector<std::string> keys_in(const Command& command);

// How far they are.
struct CommandState : Progress {
  std::set<std::tuple<CommandKind, std::string, std::string>> done_once;
  std::string results;
  bool only_good = true;  // everything was done, or waits for an answer to what was sent
  bool help = false;
  bool long_ones = false;    // see CommandRun::is_too_much()
  std::uint64_t let_go = 0;  // octets of posts
  std::size_t next = 0;      // command
  // Of the next one, if a part of it is done: what it is about, how many of them are done, and what became of these.
  std::vector<Id> lists{};
  std::vector<std::string> keys{};
  std::size_t done = 0;
  std::string said{};
};

class CommandRun {
 public:
  // `named_lists`: the answer to LISTS, where it was made before.
  CommandRun(WriteContext& context, const Target& target, const Requester& who,
             const std::optional<std::string>& named_lists, CommandState before)
      : state(std::move(before)), context_(context), target_(target), who_(who), named_lists_(named_lists) {}

  // True: all of them are done. False: there is enough in this transaction.
  Result<bool> go_on(const Commands& commands);
  Result<void> answer();  // one mail with all results; nothing if there are none

  CommandState state;

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
  Result<void> begin_lists(const smtp::Address& person);
  Result<void> begin_keys(const Command& command);
  bool is_full() const { return spent_ >= kMostSpent; }
  Result<std::optional<storage::ListRecord>> find_list(const std::string& name);
  // The command, over what became of it: the line, or what of it is ours.
  std::string quoted(const Command& command) const;
  std::string say(std::string_view english, Values values = {}) const;
  Result<std::string> run(const Request& request);

  WriteContext& context_;
  const Target& target_;
  const Requester& who_;
  const std::optional<std::string>& named_lists_;
  // Octets that a transaction has written, about: what a cluster replicates at once stays below 1 MB.
  static constexpr std::uint64_t kMostSpent = 256U << 10;
  std::uint64_t spent_ = 0;
  std::string found_;  // the list that the command named
};

}  // namespace essaim::lists
