#include "smtpd/operate/explain_file.h"

#include "core/mailauth/lookups.h"
#include "core/smtp/idn.h"
#include "lists/render_post.h"
#include "smtpd/operate/dns_options.h"
#include "smtpd/operate/key_ring.h"
#include "smtpd/operate/message_file.h"
#include "storage/directory_store.h"

namespace essaim::smtpd::operate {
namespace {

Result<lists::Target> target_of(storage::Database& database, const std::string& list) {
  auto address = smtp::parse_mailbox(list);
  if (!address.ok()) return Error{ErrorCode::kInvalid, "--list \"" + list + "\": " + address.error().message};
  lists::Target target;
  ESSAIM_TRY(database.read_now([&](storage::Connection& connection) -> Result<void> {
    auto found = storage::DirectoryStore(connection).find_list(address->local, address->domain);
    if (!found.ok()) return found.error();
    if (!found->has_value()) return Error{ErrorCode::kNotFound, "there is no list " + list};
    target.list = **found;
    return {};
  }));
  target.kind = lists::TargetKind::kPost;
  target.address = *address;
  target.settings = lists::settings_of(target.list);
  return target;
}

Result<mailauth::Authentication> verified(const Settings& settings, const mailauth::MailSource& source,
                                          const std::string& content, WallTime now) {
  auto check = mailauth::MessageCheck::make(source, content);
  if (!check.ok()) return check.error();
  net::EventLoop loop("explain");
  auto resolver = dns::make_resolver(loop, dns_options(settings));
  if (!resolver.ok()) return resolver.error();
  std::optional<mailauth::Answers> answers;
  mailauth::Lookups lookups(
      loop, **resolver, settings.authentication.patience, [&](mailauth::Answers& a) { (*check)->look(a); },
      [&](mailauth::Answers a) { answers = std::move(a); });
  lookups.start();
  while (!answers) loop.run_turn();
  return (*check)->conclude(now, *answers);
}

}  // namespace

Result<std::string> explain_file(const Settings& settings, storage::Database& database,
                                 lists::Services services, const FileToExplain& file) {
  auto target = target_of(database, file.list);
  if (!target.ok()) return target.error();
  auto content = message_in(file.path);
  if (!content.ok()) return content.error();
  lists::Submission submission;
  submission.content = *std::move(content);
  submission.authserv_id = settings.authserv_id();
  auto incoming = lists::parse_incoming(submission);
  if (!incoming.ok()) return Error{ErrorCode::kInvalid, file.path + ": " + incoming.error().message};
  if (!file.from.empty()) {
    auto from = smtp::parse_mailbox(file.from, smtp::LocalPart::kUtf8);
    if (!from.ok())
      return Error{ErrorCode::kInvalid, "--from \"" + file.from + "\": " + from.error().message};
    submission.reverse_path = *from;
  } else if (incoming->author) {
    submission.reverse_path = *incoming->author;
  }
  const mailauth::MailSource source{file.client, smtp::kept_domain(file.helo), submission.reverse_path};
  auto found = verified(settings, source, submission.content, services.clock->wall_now());
  if (!found.ok()) return found.error();
  submission.authentication_header =
      "Authentication-Results: " + format_results(to_results(*found, source, submission.authserv_id)) +
      "\r\n";
  submission.authentication = std::make_shared<const mailauth::Authentication>(*std::move(found));
  auto seal = open_seal(settings);
  if (!seal.ok()) return seal.error();
  KeyRing keys(database, *std::move(seal));
  ESSAIM_TRY(keys.load());
  services.signing_keys = [&keys](const std::string& domain) { return keys.keys_for(domain); };
  auto rendering = lists::render_post(services, submission, *incoming, *target);
  if (!rendering.ok()) return rendering.error();
  return lists::explain_changes(services, submission, *incoming, *target) + rendering->explanation;
}

}  // namespace essaim::smtpd::operate
