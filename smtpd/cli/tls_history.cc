#include "smtpd/cli/tls_history.h"

#include "smtpd/cli/shell.h"

namespace essaim::smtpd::cli {
namespace {

constexpr std::int64_t kDay = 86'400'000;

std::string day_of(const storage::TlsResultRow& row) {
  return format_iso8601(from_millis(row.day * kDay)).substr(0, 10);
}

std::string policy_of(const storage::TlsResultRow& row) {
  if (row.policy_type == "tlsa") return "DANE";
  return row.policy_type == "sts" ? "MTA-STS" : "no policy";
}

}  // namespace

Result<std::vector<storage::TlsResultRow>> tls_history(storage::Connection& connection,
                                                       const std::string& domain, WallTime now) {
  storage::TlsResultStore store(connection);
  std::vector<storage::TlsResultRow> out;
  const std::int64_t today = to_millis(now) / kDay;
  for (const std::int64_t day : {today, today - 1}) {
    auto rows = store.of_day(day, domain);
    if (!rows.ok()) return rows.error();
    out.insert(out.end(), rows->begin(), rows->end());
  }
  return out;
}

std::string describe(const storage::TlsResultRow& row) {
  std::string text = day_of(row) + ": " + std::to_string(row.sessions) +
                     (row.sessions == 1 ? " session " : " sessions ") +
                     (row.result.empty() ? "good" : for_display(row.result)) + " (" + policy_of(row) + ")";
  if (row.result.empty()) return text;
  text += ": " + for_display(row.mx_host) + " [" + for_display(row.receiving_ip) + "]";
  return row.detail.empty() ? text : text + ", " + for_display(row.detail);
}

Json tls_history_json(const std::vector<storage::TlsResultRow>& rows) {
  Json out = Json::array();
  for (const storage::TlsResultRow& row : rows)
    out.push_back({{"day", day_of(row)},
                   {"policy_type", row.policy_type},
                   {"result", row.result},
                   {"sessions", row.sessions},
                   {"mx_host", row.mx_host},
                   {"receiving_ip", row.receiving_ip},
                   {"sending_ip", row.sending_ip},
                   {"detail", row.detail}});
  return out;
}

}  // namespace essaim::smtpd::cli
