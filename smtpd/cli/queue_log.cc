#include "smtpd/cli/queue_log.h"

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <utility>
#include <vector>

#include "smtpd/admin/client.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/delivery_log.h"
#include "smtpd/operate/queue_ops.h"

namespace essaim::smtpd::cli {
namespace {

using operate::DeliveryLog;
using operate::QueueAction;
using operate::QueueSelection;

constexpr std::size_t kPostsTogether = 100, kRecipientsTogether = 1000;
constexpr std::size_t kOctetsTogether = admin::kMaxRequest / 4;  // JSON may double them

// A line at a time: the log of some days may be large.
Result<void> read_log(const std::string& file, DeliveryLog* log) {
  std::ifstream opened;
  if (file != "-") {
    errno = 0;
    opened.open(file);
    if (!opened) return io_error(file);
  }
  std::istream& in = file == "-" ? std::cin : opened;
  for (std::string line; std::getline(in, line);) log->take(line);
  if (in.bad()) return Error{ErrorCode::kIo, file + ": cannot be read"};
  if (log->lines() > 0) return {};
  return Error{ErrorCode::kInvalid,
               (file == "-" ? "standard input" : file) +
                   ": no line of it is one of the server's log, which begin with their time "
                   "(or are JSON), nor a queue id with a recipient behind it: journalctl -u "
                   "essaim -o cat"};
}

// What is asked for at once. A post with more recipients goes on in the next part.
std::vector<QueueSelection> parts_of(const DeliveryLog& log) {
  std::vector<QueueSelection> out;
  std::size_t recipients = kRecipientsTogether, octets = 0;
  for (const auto& [id, addresses] : log.delivered()) {
    for (const std::string& address : addresses) {
      const bool new_post = out.empty() || out.back().recipients.count(id) == 0;
      if (recipients >= kRecipientsTogether || octets >= kOctetsTogether ||
          (new_post && out.back().recipients.size() >= kPostsTogether)) {
        out.emplace_back();
        recipients = octets = 0;
      }
      QueueSelection& part = out.back();
      if (part.recipients.count(id) == 0) part.ids.push_back(id);
      part.recipients[id].push_back(address);
      ++recipients;
      octets += address.size() + 20;
    }
  }
  return out;
}

struct Sum {
  std::int64_t recipients = 0, busy = 0, damaged = 0, failed = 0, unknown = 0;
  std::string error;

  void add(const Json& change) {
    recipients += change.value("recipients", std::int64_t{0});
    busy += change.value("busy", std::int64_t{0});
    damaged += change.value("damaged", std::int64_t{0});
    failed += change.value("failed", std::int64_t{0});
    unknown += static_cast<std::int64_t>(change.value("unknown", Json::array()).size());
    if (error.empty()) error = change.value("error", "");
  }
};

// JSON of a QueueChange. Posts that are not here were accepted after the backup: of these there is nothing to delete.
Result<Json> delete_part(Site& site, const operate::QueueRequest& work, bool dry_run) {
  Result<std::string> changed = std::string();
  if (dry_run) {
    auto found = operate::preview_queue_change(site.database(), system_clock(), work);
    changed = found.ok() ? Result<std::string>(operate::to_json(found->change)) : found.error();
  } else {
    admin::Request request;
    request.command = "queue-delete";
    request.arguments = work.selection.to_arguments();
    if (!work.reason.empty()) request.arguments["reason"] = work.reason;
    changed = admin::call(site.settings().admin_socket(), request, std::chrono::minutes(30));
    if (!changed.ok() && changed.error().code == ErrorCode::kNotFound &&
        changed.error().message.find("no server") == 0) {
      auto done = operate::change_queue(site.database(), system_clock(), work, nullptr);
      changed = done.ok() ? Result<std::string>(operate::to_json(*done)) : done.error();
    }
  }
  if (changed.ok()) return Json::parse(*changed);
  if (changed.error().code != ErrorCode::kNotFound) return changed.error();
  Json none = Json::object();
  for (const Id id : work.selection.ids) none["unknown"].push_back(format_id(id));
  return none;
}

}  // namespace

int delete_delivered(const Shell& shell, const LoggedDeletion& options) {
  WallTime since{};
  if (!options.since.empty()) {
    auto when = parse_when(options.since, system_clock().wall_now());
    if (!when.ok()) return shell.fail_usage("--since: " + when.error().message);
    since = *when;
  }
  DeliveryLog log(since);
  const auto read = read_log(options.file, &log);
  if (!read.ok()) return shell.fail(read.error());
  return with_site(shell, [&](Site& site) {
    Sum sum;
    for (QueueSelection& part : parts_of(log)) {
      operate::QueueRequest work;
      work.action = QueueAction::kDelete;
      work.selection = std::move(part);
      work.reason = options.reason;
      auto changed = delete_part(site, work, options.dry_run);
      if (!changed.ok()) {
        if (sum.recipients > 0 && !shell.json)
          print_line(plural(sum.recipients, "recipient") + " deleted from the queue so far");
        return shell.fail(changed.error());
      }
      sum.add(*changed);
    }
    // A script must not take for deleted who may still get it.
    const int outcome = sum.busy == 0 && sum.failed == 0 ? kOk : kFailed;
    if (shell.json) {
      static_cast<void>(print_json({{"dry_run", options.dry_run},
                                    {"recipients", sum.recipients},
                                    {"busy", sum.busy},
                                    {"damaged", sum.damaged},
                                    {"failed", sum.failed},
                                    {"error", sum.error},
                                    {"not_here", sum.unknown},
                                    {"unread", log.unread()}}));
      return outcome;
    }
    print_line(plural(sum.recipients, "recipient") +
               (options.dry_run ? " would be deleted from the queue; nothing was changed"
                                : " deleted from the queue"));
    if (sum.unknown > 0)
      print_line(plural(sum.unknown, "post") + " of the log " + (sum.unknown == 1 ? "is" : "are") +
                 " not in this database: accepted after the backup, or gone by age");
    if (log.unread() > 0)
      print_line(plural(log.unread(), "line") +
                 " of deliveries cannot be read: whom they name may get it again");
    if (sum.busy > 0)
      print_line(
          plural(sum.busy, "recipient") +
          " not deleted yet: in batches of which something is being transmitted just now, or of a server "
          "that was killed (start it: it takes them back). They get it unless it is deleted before: type "
          "the same again");
    if (sum.damaged > 0)
      print_line(plural(sum.damaged, "recipient") +
                 " left alone in damaged batches: nobody can read who they are");
    if (sum.failed > 0) print_line(plural(sum.failed, "post") + " left as before; " + for_display(sum.error));
    return outcome;
  });
}

}  // namespace essaim::smtpd::cli
