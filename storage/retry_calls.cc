#include "storage/retry_calls.h"

#include <charconv>

#include "core/base/text.h"
#include "core/smtp/idn.h"
#include "storage/directory_store.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

constexpr std::size_t kKept = 16;

std::vector<std::string_view> lines_of(std::string_view value) {
  std::vector<std::string_view> lines = split(value, '\n');
  std::erase_if(lines, [](std::string_view line) { return line.empty(); });
  return lines;
}

// 0 if there is none.
std::int64_t number_of(std::string_view line) {
  std::int64_t number = 0;
  std::from_chars(line.data(), line.data() + line.size(), number);
  return number;
}

}  // namespace

Result<void> call_for_retry(Connection& connection, const std::string& domain) {
  SiteStore site(connection);
  ESSAIM_TRY(site.set_if_missing(kRetryCallsValue, ""));
  // Locked before it is read, so that of two calls at once neither is lost.
  ESSAIM_TRY(sql::run(connection, "UPDATE site_value SET value = value WHERE name = ?", kRetryCallsValue));
  auto value = site.get(kRetryCallsValue);
  if (!value.ok()) return value.error();
  const std::string before = value->value_or("");
  std::vector<std::string_view> lines = lines_of(before);
  const std::int64_t number = lines.empty() ? 1 : number_of(lines.back()) + 1;
  if (lines.size() >= kKept) lines.erase(lines.begin(), lines.end() - (kKept - 1));
  std::string after;
  for (const std::string_view line : lines) after.append(line) += '\n';
  after += std::to_string(number) + " " + smtp::kept_domain(domain) + "\n";
  return site.set(kRetryCallsValue, after);
}

RetryCalls retry_calls_since(std::string_view value, std::int64_t seen) {
  RetryCalls calls;
  const std::vector<std::string_view> lines = lines_of(value);
  if (lines.empty()) return calls;
  calls.last = number_of(lines.back());
  calls.all = calls.last > seen && number_of(lines.front()) > seen + 1;
  for (const std::string_view line : lines) {
    if (number_of(line) <= seen) continue;
    const std::size_t blank = line.find(' ');
    const std::string_view domain = blank == std::string_view::npos ? "" : line.substr(blank + 1);
    calls.all = calls.all || domain.empty();
    if (!domain.empty()) calls.domains.emplace_back(domain);
  }
  return calls;
}

}  // namespace essaim::storage
