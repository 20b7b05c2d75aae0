#include "lists/tokens.h"

#include <array>

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
  return std::make_unique<Tokens>(std::move(key));
}

std::string Tokens::mac(char purpose, Id a, Id b) const {
  std::array<char, 17> message{};
  message[0] = purpose;
  for (std::size_t i = 0; i < 8; ++i) {
    message[1 + i] = static_cast<char>(static_cast<std::uint64_t>(a) >> (8 * i) & 0xFF);
    message[9 + i] = static_cast<char>(static_cast<std::uint64_t>(b) >> (8 * i) & 0xFF);
  }
  return key_.short_mac({message.data(), message.size()});
}

bool Tokens::matches(char purpose, Id a, Id b, std::string_view given) const {
  return equal_in_constant_time(mac(purpose, a, b), ascii_lowered(given));
}

void Tokens::append_verp(const storage::PostRecord& post, Id member_id, std::string* out) const {
  const bool to_owner = post.kind != storage::PostKind::kList;
  *out += to_owner ? kOwnerBouncePrefix : kBouncePrefix;
  append_id(post.id, out);
  append_id(member_id, out);
  *out += mac(to_owner ? kForOwner : kForMember, post.id, member_id);
}

void Tokens::append_leave(Id list_id, Id member_id, std::string* out) const {
  append_id(member_id, out);
  *out += mac(kForLeaving, list_id, member_id);
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
  if (!matches(bounce.to_owner ? kForOwner : kForMember, *post, *member, local.substr(2 * kIdTextLength)))
    return std::nullopt;
  return bounce;
}

std::optional<Id> Tokens::member_of_leave(std::string_view token) {
  if (token.size() != kLeaveTokenLength) return std::nullopt;
  return parse_id(token.substr(0, kIdTextLength));
}

std::optional<Id> Tokens::read_leave(Id list_id, std::string_view token) const {
  const auto member = member_of_leave(token);
  if (!member || !matches(kForLeaving, list_id, *member, token.substr(kIdTextLength))) return std::nullopt;
  return member;
}

}  // namespace essaim::lists
