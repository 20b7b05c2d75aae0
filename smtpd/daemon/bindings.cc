#include "smtpd/daemon/bindings.h"

#include "lists/bounces.h"

namespace essaim::smtpd {

Result<void> ListFailures::on_failures(storage::Connection& connection,
                                       const std::vector<delivery::Failure>& failures) {
  std::vector<lists::DeliveryFailure> out;
  out.reserve(failures.size());
  for (const delivery::Failure& f : failures) {
    lists::DeliveryFailure one;
    one.post = f.post;
    one.member_id = f.recipient.member_id;
    one.address = {f.recipient.local, f.recipient.domain};
    one.reply = f.reply.to_string();
    one.host = f.host;
    one.about_message = f.about_message;
    out.push_back(std::move(one));
  }
  auto recorded = lists::record_failures(services_, connection, out);
  if (!recorded.ok()) return recorded.error();
  if (recorded->notices == 0 && !recorded->reports) return {};
  // The bells are for what is committed: an empty work behind this one ends after it.
  services_.database->write(
      storage::Durability::kProgress, [](storage::Connection&) { return Result<void>(); },
      [bell = services_.bell, report = report_, notices = recorded->notices > 0,
       reports = recorded->reports](const Result<void>&) {
        if (notices) bell();
        if (reports) report();
      });
  return {};
}

}  // namespace essaim::smtpd
