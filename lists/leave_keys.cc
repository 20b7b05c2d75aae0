#include "lists/leave_keys.h"

#include <algorithm>
#include <charconv>

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "storage/directory_store.h"

namespace essaim::lists {
namespace {

constexpr const char* kName = "leave-keys";
constexpr std::size_t kLength = 32;

Error damaged(const std::string& why) {
  return {ErrorCode::kDamaged, std::string("the site's ") + kName + " in the database: " + why};
}

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<std::string> octets_in(std::string_view hex) {
  if (hex.size() != 2 * kLength) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    if (error != std::errc() || end != hex.data() + i + 2) return std::nullopt;
    out.push_back(static_cast<char>(value));
  }
  return out;
}

}  // namespace

LeaveKeys LeaveKeys::of(std::string key) {
  LeaveKeys out;
  out.keys_.push_back({0, from_millis(1), {}, MacKey(std::move(key))});
  return out;
}

Result<LeaveKeys> LeaveKeys::parse(std::string_view text) {
  LeaveKeys out;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    const auto words = split(line, ' ');
    if (words.size() != 4) return damaged("a line does not have four words");
    const auto number = number_in(words[0]), created = number_in(words[1]), retired = number_in(words[2]);
    const auto key = octets_in(words[3]);
    if (!number || *number >= kMost || !created || !retired || !key) return damaged("a line that is no key");
    if (out.find(static_cast<int>(*number)) != nullptr) return damaged("two keys with one number");
    out.keys_.push_back(
        {static_cast<int>(*number), from_millis(*created), from_millis(*retired), MacKey(*key)});
  }
  if (std::none_of(out.keys_.begin(), out.keys_.end(), [](const LeaveKey& k) { return k.good(); }))
    return damaged("there is no good key");
  return out;
}

std::string LeaveKeys::to_text() const {
  std::string out;
  for (const LeaveKey& k : keys_)
    out += std::to_string(k.number) + " " + std::to_string(to_millis(k.created)) + " " +
           std::to_string(to_millis(k.retired)) + " " + hex_encoded(k.key.bytes()) + "\n";
  return out;
}

const LeaveKey& LeaveKeys::newest() const {
  const auto found = std::find_if(keys_.rbegin(), keys_.rend(), [](const LeaveKey& k) { return k.good(); });
  ESSAIM_CHECK(found != keys_.rend());
  return *found;
}

const LeaveKey* LeaveKeys::find(int number) const {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [number](const LeaveKey& k) { return k.number == number; });
  return found == keys_.end() ? nullptr : &*found;
}

Result<int> LeaveKeys::add(WallTime now) {
  if (keys_.size() >= kMost) {
    const auto oldest = std::find_if(keys_.begin(), keys_.end(), [](const LeaveKey& k) { return !k.good(); });
    if (oldest == keys_.end())
      return Error{ErrorCode::kExhausted, "there are " + std::to_string(kMost) +
                                              " keys already, and all of them are good: retire one first"};
    keys_.erase(oldest);
  }
  int number = keys_.empty() ? 0 : (keys_.back().number + 1) % kMost;
  while (find(number) != nullptr) number = (number + 1) % kMost;
  keys_.push_back({number, now, {}, MacKey(random_key(kLength))});
  return number;
}

Result<void> LeaveKeys::retire(int number, WallTime now) {
  const LeaveKey* const wanted = find(number);
  if (wanted == nullptr) return Error{ErrorCode::kNotFound, "there is no key " + std::to_string(number)};
  if (!wanted->good()) return {};
  const auto good = std::count_if(keys_.begin(), keys_.end(), [](const LeaveKey& k) { return k.good(); });
  if (good == 1) {
    ESSAIM_TRY(add(now));
  }
  for (LeaveKey& k : keys_)
    if (k.number == number) k.retired = now;
  return {};
}

Result<LeaveKeys> read_leave_keys(storage::Connection& connection) {
  auto stored = storage::SiteStore(connection).get(kName);
  if (!stored.ok()) return stored.error();
  return LeaveKeys::parse(stored->value_or(""));
}

Result<void> write_leave_keys(storage::Connection& connection, const LeaveKeys& keys) {
  return storage::SiteStore(connection).set(kName, keys.to_text());
}

Result<void> ensure_leave_keys(storage::Database& database, WallTime now) {
  bool there = false;
  ESSAIM_TRY(database.read_now([&there](storage::Connection& connection) -> Result<void> {
    auto stored = storage::SiteStore(connection).get(kName);
    if (!stored.ok()) return stored.error();
    there = stored->has_value();
    return {};
  }));
  if (there) return {};
  LeaveKeys fresh;
  ESSAIM_TRY(fresh.add(now));
  return database.write_now(storage::Durability::kAccept,
                            [text = fresh.to_text()](storage::Connection& connection) {
                              return storage::SiteStore(connection).set_if_missing(kName, text);
                            });
}

}  // namespace essaim::lists
