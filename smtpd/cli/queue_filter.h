// Which part of the queue a command is about: the options that `queue list`, `why`, `hold`, `release`, `delete` and
// `retry` share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "smtpd/cli/shell.h"
#include "smtpd/operate/queue_ops.h"
#include "storage/records.h"

namespace essaim::smtpd::cli {

struct QueueFilter {
  std::vector<std::string> ids;
  std::string list, recipient, domain, sender, subject, account, client, message_id, older_than, newer_than,
      larger_than, state, why;
};
void add_filter_options(CLI::App* verb, const std::shared_ptr<QueueFilter>& filter);
Result<operate::QueueSelection> selection_of(const QueueFilter& filter);

// What is said of a word that names no post; SEE is the command that shows their ids.
std::string no_queue_id(const std::string& text, const std::string& see);

// --list, --sender and --recipient as a search has them. What can be found nowhere is refused: a word that is no address would
// else find nothing, which is an answer.
Result<std::string> searched_list(const std::string& text);
Result<std::string> searched_sender(const std::string& text);  // also "@domain", and "<>" for the null sender
Result<void> search_recipient(const std::string& text, storage::PostFilter* filter);  // also "@domain"

// As logins know it.
Result<std::string> account_name(const std::string& text);
// The hold comes first: it is what an operator can end.
std::string why_it_waits(const storage::BatchRecord& batch, const storage::PostRecord* post);

}  // namespace essaim::smtpd::cli
