#include "lists/tokens.h"

#include <array>

#include "core/base/base64url.h"
#include "core/base/encoding.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "storage/directory_store.h"

namespace essaim::lists {
namespace {

constexpr std::string_view kBouncePrefix = "bounce+";
constexpr std::string_view kOwnerBouncePrefix = "obounce+";
constexpr std::size_t kMacLength = 10;
constexpr const char* kKeyName = "mac-key";
constexpr std::size_t kKeyLength = 32;

// First byte of what is authenticated, so that no code passes for another.
constexpr char kForMember = 'b';
constexpr char kForOwner = 'o';
constexpr char kForLeaving = 'l';
constexpr char kForLink = 'w';
constexpr char kForHiding = 'h';

constexpr std::size_t kLinkMac = 10, kHidden = 16;                        // octets
constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford's, as in ids
static_assert(kDigits.size() == LeaveKeys::kMost);

std::array<char, 17> message_of(char purpose, Id a, Id b) {
  std::array<char, 17> message{};
  message[0] = purpose;
  for (std::size_t i = 0; i < 8; ++i) {
    message[1 + i] = static_cast<char>(static_cast<std::uint64_t>(a) >> (8 * i) & 0xFF);
    message[9 + i] = static_cast<char>(static_cast<std::uint64_t>(b) >> (8 * i) & 0xFF);
  }
  return message;
}

std::string short_mac(const MacKey& key, char purpose, Id a, Id b) {
  const auto message = message_of(purpose, a, b);
  return key.short_mac({message.data(), message.size()});
}

bool matches(const MacKey& key, char purpose, Id a, Id b, std::string_view given) {
  return equal_in_constant_time(short_mac(key, purpose, a, b), ascii_lowered(given));
}

const LeaveKey* key_of_digit(const LeaveKeys& keys, char digit) {
  const auto number = kDigits.find(ascii_lower(digit));
  return number == std::string_view::npos ? nullptr : keys.find(static_cast<int>(number));
}

std::string_view as_text(const Sha256Digest& digest, std::size_t octets) {
  return {reinterpret_cast<const char*>(digest.data()), octets};
}

// The code of both ids; and both ids under what the code gives with the key (a synthetic initialisation vector, as in
// RFC 5297): the same ids give the same token, and nothing is seen of them.
std::string link_mac(const MacKey& key, std::string_view ids) {
  return std::string(as_text(key.mac(std::string(1, kForLink).append(ids)), kLinkMac));
}

std::string hidden(const MacKey& key, std::string_view mac, std::string_view ids) {
  const Sha256Digest stream = key.mac(std::string(1, kForHiding).append(mac));
  std::string out(ids);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(out[i] ^ stream[i]);
  return out;
}

// As parse_id(), but thirteen zeros are 0.
std::optional<Id> parse_id_or_none(std::string_view text) {
  if (text == "0000000000000") return Id{0};
  return parse_id(text);
}

}  // namespace

Result<std::unique_ptr<Tokens>> Tokens::load(storage::Database& database) {
  std::string key;
  const auto get = [&key](storage::Connection& connection) -> Result<void> {
    auto stored = storage::SiteStore(connection).get(kKeyName);
    if (!stored.ok()) return stored.error();
    key = stored->value_or("");
    return {};
  };
  ESSAIM_TRY(database.read_now(get));
  if (key.empty()) {
    ESSAIM_TRY(database.write_now(storage::Durability::kAccept,
                                  [fresh = random_key(kKeyLength)](storage::Connection& connection) {
                                    return storage::SiteStore(connection).set_if_missing(kKeyName, fresh);
                                  }));
    ESSAIM_TRY(database.read_now(get));  // another node may have been first
  }
  if (key.size() != kKeyLength)
    return Error{ErrorCode::kDamaged, "the site's mac-key in the database does not have 32 octets"};
  ESSAIM_TRY(ensure_leave_keys(database, system_clock().wall_now()));
  auto leave_keys = database.read_now(read_leave_keys);
  if (!leave_keys.ok()) return leave_keys.error();
  return std::make_unique<Tokens>(std::move(key), *std::move(leave_keys));
}

Tokens::Tokens(std::string key, LeaveKeys leave_keys) : key_(std::move(key)) {
  set_leave_keys(std::move(leave_keys));
}

void Tokens::set_leave_keys(LeaveKeys keys) {
  const std::lock_guard lock(mutex_);
  if (!kept_.empty() && kept_.back()->to_text() == keys.to_text()) return;
  kept_.push_back(std::make_unique<const LeaveKeys>(std::move(keys)));
  leave_keys_.store(kept_.back().get(), std::memory_order_release);
}

void Tokens::append_verp(const storage::PostRecord& post, Id member_id, std::string* out) const {
  const bool to_owner = post.kind != storage::PostKind::kList;
  *out += to_owner ? kOwnerBouncePrefix : kBouncePrefix;
  append_id(post.id, out);
  append_id(member_id, out);
  *out += short_mac(key_, to_owner ? kForOwner : kForMember, post.id, member_id);
}

void Tokens::append_leave(Id list_id, Id member_id, std::string* out) const {
  const LeaveKey& key = leave_keys().newest();
  out->push_back(kDigits[static_cast<std::size_t>(key.number)]);
  append_id(member_id, out);
  *out += short_mac(key.key, kForLeaving, list_id, member_id);
}

void Tokens::append_link(Id list_id, Id member_id, std::string* out) const {
  const LeaveKey& key = leave_keys().newest();
  const auto message = message_of(kForLink, list_id, member_id);
  const std::string_view ids(message.data() + 1, kHidden);
  const std::string mac = link_mac(key.key, ids);
  out->push_back(kDigits[static_cast<std::size_t>(key.number)]);
  *out += base64url_encoded(mac + hidden(key.key, mac, ids));
}

bool Tokens::is_bounce_form(std::string_view local) {
  return starts_with_ignoring_case(local, kBouncePrefix) ||
         starts_with_ignoring_case(local, kOwnerBouncePrefix);
}

std::optional<Tokens::Bounce> Tokens::read_bounce(std::string_view local) const {
  if (!is_bounce_form(local)) return std::nullopt;
  Bounce bounce;
  bounce.to_owner = starts_with_ignoring_case(local, kOwnerBouncePrefix);
  local.remove_prefix(bounce.to_owner ? kOwnerBouncePrefix.size() : kBouncePrefix.size());
  if (local.size() != 2 * kIdTextLength + kMacLength) return std::nullopt;
  const auto post = parse_id(local.substr(0, kIdTextLength));
  const auto member = parse_id_or_none(local.substr(kIdTextLength, kIdTextLength));
  if (!post || !member) return std::nullopt;
  bounce.post_id = *post;
  bounce.member_id = *member;
  if (!matches(key_, bounce.to_owner ? kForOwner : kForMember, *post, *member,
               local.substr(2 * kIdTextLength)))
    return std::nullopt;
  return bounce;
}

std::optional<Id> Tokens::member_of_leave(std::string_view token) {
  if (token.size() != kLeaveTokenLength) return std::nullopt;
  return parse_id(token.substr(1, kIdTextLength));
}

std::optional<Tokens::Leave> Tokens::read_leave(const LeaveKeys& keys, Id list_id, std::string_view token) {
  const auto member = member_of_leave(token);
  if (!member) return std::nullopt;
  const LeaveKey* const key = key_of_digit(keys, token.front());
  if (key == nullptr || !matches(key->key, kForLeaving, list_id, *member, token.substr(1 + kIdTextLength)))
    return std::nullopt;
  return Leave{list_id, *member, !key->good()};
}

Tokens::LinkForm Tokens::form_of_link(const LeaveKeys& keys, std::string_view token) {
  if (read_link(keys, token)) return LinkForm::kOurs;
  if (token.empty() || kDigits.find(token.front()) == std::string_view::npos) return LinkForm::kForeign;
  const auto octets = base64url_decoded(token.substr(1));
  const bool formed = octets && octets->size() == kLinkMac + kHidden;
  return formed && key_of_digit(keys, token.front()) == nullptr ? LinkForm::kUnknownKey : LinkForm::kForeign;
}

std::optional<Tokens::Leave> Tokens::read_link(const LeaveKeys& keys, std::string_view token) {
  if (token.empty() || token.front() != ascii_lower(token.front())) return std::nullopt;
  const LeaveKey* const key = key_of_digit(keys, token.front());
  const auto octets = base64url_decoded(token.substr(1));
  if (key == nullptr || !octets || octets->size() != kLinkMac + kHidden) return std::nullopt;
  const std::string_view mac = std::string_view(*octets).substr(0, kLinkMac);
  const std::string ids = hidden(key->key, mac, std::string_view(*octets).substr(kLinkMac));
  if (!equal_in_constant_time(link_mac(key->key, ids), mac)) return std::nullopt;
  Reader reader(ids);
  Leave out;
  out.list_id = static_cast<Id>(reader.u64());
  out.member_id = static_cast<Id>(reader.u64());
  out.retired = !key->good();
  return out;
}

}  // namespace essaim::lists
