#include "smtpd/operate/delivery_log.h"

#include <utility>

#include "core/base/text.h"
#include "core/smtp/address.h"
#include "smtpd/operate/log_line.h"

namespace essaim::smtpd::operate {

DeliveryLog::DeliveryLog(WallTime since) : since_(since == WallTime{} ? "" : format_iso8601(since)) {}

void DeliveryLog::take(std::string_view line) {
  const LogFields fields = read_log_line(line);
  const std::string event = value_of(fields, "event");
  if (!event.empty()) {
    ++lines_;
    if (event != "delivered" || value_of(fields, "time") < since_) return;
    const auto id = parse_id(value_of(fields, "id"));
    std::string to = value_of(fields, "to");
    if (!id || to.empty()) {
      ++unread_;
      return;
    }
    delivered_[*id].insert(std::move(to));
    return;
  }
  line = trimmed(line);
  const std::size_t space = line.find(' ');
  const auto id = parse_id(line.substr(0, space));
  if (!id || space == line.npos) return;
  ++lines_;
  const std::string to(trimmed(line.substr(space + 1)));
  if (!smtp::parse_mailbox(to, smtp::LocalPart::kUtf8).ok()) {
    ++unread_;
    return;
  }
  delivered_[*id].insert(to);
}

}  // namespace essaim::smtpd::operate
