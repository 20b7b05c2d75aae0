#include "smtpd/daemon/key_refresh.h"

#include "core/base/log.h"

namespace essaim::smtpd {
namespace {

constexpr Duration kEvery = std::chrono::seconds(20);

}  // namespace

KeyRefresh::KeyRefresh(net::EventLoop& loop, storage::Database& database, lists::Tokens& tokens,
                       KeyRing& ring)
    : database_(database), tokens_(tokens), ring_(ring), timer_(loop, [this] { refresh(); }) {
  timer_.start(kEvery);
}

void KeyRefresh::refresh() {
  timer_.start(kEvery);
  ring_.refresh();
  database_.read(
      [&tokens = tokens_](storage::Connection& connection) -> Result<void> {
        auto keys = lists::read_leave_keys(connection);
        if (!keys.ok()) return keys.error();
        tokens.set_leave_keys(*std::move(keys));
        return {};
      },
      [](const Result<void>& done) {
        if (!done.ok() && done.error().code == ErrorCode::kDamaged)
          log::error("leave-keys-damaged", {{"error", done.error().message}});
      });
}

}  // namespace essaim::smtpd
