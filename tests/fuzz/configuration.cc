// The configuration file: what is shown of it loads as the same.
#include "core/config/load.h"
#include "core/config/render.h"
#include "smtpd/settings/settings.h"
#include "smtpd/settings/table.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(configuration) {
  if (data.size() > 20'000) return;
  static_cast<void>(smtpd::parse_settings(std::string(data), "fuzz"));
  const auto loaded = config::load_text(smtpd::settings_schema(), data, "fuzz");
  if (!loaded.ok()) {
    ESSAIM_CHECK(!loaded.error().message.empty());
    return;
  }
  const std::string shown = config::render_effective(*loaded);
  const auto again = config::load_text(smtpd::settings_schema(), shown, "shown");
  ESSAIM_CHECK(again.ok() && config::render_effective(*again).size() <= shown.size());
}
