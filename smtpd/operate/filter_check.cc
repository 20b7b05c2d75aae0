#include "smtpd/operate/filter_check.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/id.h"
#include "core/base/text.h"
#include "core/mail/header_block.h"
#include "smtpd/filters/filters.h"
#include "smtpd/operate/message_file.h"

namespace essaim::smtpd::operate {
namespace {

std::string harmless(const Settings& settings, WallTime now) {
  const std::string postmaster = settings.postmaster.to_string();
  return "From: " + postmaster + "\r\nTo: " + postmaster +
         "\r\nSubject: filter check\r\nDate: " + format_rfc5322(now) + "\r\nMessage-ID: <filter-check." +
         std::to_string(to_millis(now)) + "@" + settings.hostname +
         ">\r\n\r\nessaim filter check asks whether this filter answers.\r\n";
}

std::string words_of(const Filtered& found, const std::string& content) {
  if (found.reply.code != 0) return found.reply.to_string();
  std::string out = "passes";
  if (!found.held_by.empty()) {
    out = "to be held for moderators";
    if (!found.held_because.empty()) out += " (" + found.held_because + ")";
  }
  if (found.body_changed) return out + ", with another body";
  return out + (found.content == content ? "" : ", with another header");
}

FilterAnswer answer_of(net::EventLoop& loop, const FilterSettings& filter, const std::string& address,
                       const std::shared_ptr<const milter::Envelope>& envelope, const std::string& content) {
  FilterSettings one = filter;
  one.addresses = {address};
  one.mx = true;
  one.pass_when_down = false;
  Filters filters({&loop}, 2 * content.size() + (std::uint64_t{1} << 20), {one});
  std::optional<Filtered> found;
  const MonoTime began = system_clock().mono_now();
  filters.check(ListenerRole::kMx, 0, envelope, content, [&](Filtered f) { found = std::move(f); });
  while (!found) loop.run_turn();
  FilterAnswer out{filter.name, address, found->unanswered.empty(), found->unanswered,
                   system_clock().mono_now() - began};
  if (out.answers) out.words = words_of(*found, content);
  return out;
}

}  // namespace

Result<std::vector<FilterAnswer>> check_filters(const Settings& settings,
                                                const std::vector<std::string>& names,
                                                const MessageForFilters& message) {
  for (const std::string& name : names) {
    const bool known = std::any_of(settings.filters.begin(), settings.filters.end(),
                                   [&](const FilterSettings& filter) { return filter.name == name; });
    if (!known)
      return Error{ErrorCode::kNotFound,
                   "no [[filter]] has the name \"" + escaped_for_display(name, 80) + "\""};
  }
  const WallTime now = system_clock().wall_now();
  Result<std::string> content =
      message.path.empty() ? Result<std::string>(harmless(settings, now)) : message_in(message.path);
  if (!content.ok()) return content.error();
  if (const auto header = mail::HeaderBlock::parse(*content); !header.ok())
    return Error{ErrorCode::kInvalid, message.path + ": " + header.error().message};
  milter::Envelope envelope;
  const std::string postmaster = settings.postmaster.to_string();
  envelope.client_ip = message.client;
  envelope.helo = message.helo.empty() ? settings.hostname : message.helo;
  envelope.reverse_path = message.from.empty() ? postmaster : message.from;
  envelope.recipients = {message.to.empty() ? postmaster : message.to};
  envelope.mail_arguments = {"SIZE=" + std::to_string(content->size())};
  envelope.at_connect = {{"j", settings.hostname},
                         {"{daemon_name}", "essaim"},
                         {"{client_addr}", message.client},
                         {"{client_name}", "unknown"}};
  envelope.at_mail = {{"i", "check"}, {"{mail_addr}", envelope.reverse_path}};
  envelope.at_end = {{"i", "check"}};
  const auto shared = std::make_shared<const milter::Envelope>(std::move(envelope));
  net::EventLoop loop("filters");
  std::vector<FilterAnswer> out;
  for (const FilterSettings& filter : settings.filters) {
    if (!names.empty() && std::find(names.begin(), names.end(), filter.name) == names.end()) continue;
    for (const std::string& address : filter.addresses)
      out.push_back(answer_of(loop, filter, address, shared, *content));
  }
  return out;
}

}  // namespace essaim::smtpd::operate
