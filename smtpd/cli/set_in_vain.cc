#include "smtpd/cli/set_in_vain.h"

#include <cstdio>
#include <vector>

#include "lists/settings.h"
#include "lists/site_texts.h"

namespace essaim::smtpd::cli {

void tell_of_set_in_vain(Site& site, const std::string& place, const lists::SettingChanges& changes) {
  std::vector<std::string> lines;
  const auto read = site.read([&](storage::Connection& c) -> Result<void> {
    lists::TextPlace where;
    (place.find('@') == std::string::npos ? where.domain : where.list) = place;
    const auto record = lists::record_of(c, where);
    if (!record.ok()) return record.error();
    lines = lists::set_in_vain(*record, changes);
    return {};
  });
  if (!read.ok()) return;  // it is set, and this is only a remark
  for (const std::string& line : lines) std::fprintf(stderr, "essaim: %s\n", line.c_str());
}

}  // namespace essaim::smtpd::cli
