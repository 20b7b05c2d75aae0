// Tokens in addresses: nothing but what we made is believed, and what we make is read in either case.
#include "lists/tokens.h"

#include "core/base/text.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(tokens) {
  static const lists::Tokens tokens("a key of thirty-two octets here.");
  // A token is believed only if it is the one that we make for what it says.
  if (const auto bounce = tokens.read_bounce(data)) {
    storage::PostRecord post;
    post.id = bounce->post_id;
    post.kind = bounce->to_owner ? storage::PostKind::kForward : storage::PostKind::kList;
    std::string made;
    tokens.append_verp(post, bounce->member_id, &made);
    ESSAIM_CHECK(made.size() <= 64 && equals_ignoring_case(made, data));
  }
  const lists::LeaveKeys& keys = tokens.leave_keys();
  if (const auto leave = lists::Tokens::read_leave(keys, 7, data)) {
    std::string made;
    tokens.append_leave(7, leave->member_id, &made);
    ESSAIM_CHECK(equals_ignoring_case(made, data) && !lists::Tokens::read_leave(keys, 8, data));
  }
  if (const auto leave = lists::Tokens::read_link(keys, data)) {
    std::string made;
    tokens.append_link(leave->list_id, leave->member_id, &made);
    ESSAIM_CHECK(made == data);
  }
  if (const auto id = parse_id(data)) ESSAIM_CHECK(*id > 0 && equals_ignoring_case(format_id(*id), data));

  // The ids that the input is; tokens made for them, with one octet changed.
  Id id = 0;
  for (const char c : data.substr(0, 8)) id = (id << 8 | static_cast<unsigned char>(c)) & 0x7fffffffffffffff;
  if (id == 0 || data.size() < 10) return;
  storage::PostRecord post;
  post.id = id;
  std::string verp, leave, link;
  tokens.append_verp(post, id / 2, &verp);
  tokens.append_leave(id, id, &leave);
  tokens.append_link(id, id / 2, &link);
  const auto left = lists::Tokens::read_link(keys, link);
  ESSAIM_CHECK(left && left->list_id == id && left->member_id == id / 2);
  link[static_cast<unsigned char>(data[8]) % link.size()] = data[9];
  const auto changed = lists::Tokens::read_link(keys, link);
  ESSAIM_CHECK(!changed || (changed->list_id == id && changed->member_id == id / 2));
  const auto bounce = tokens.read_bounce(verp);
  ESSAIM_CHECK(bounce && bounce->post_id == id && bounce->member_id == id / 2);
  ESSAIM_CHECK(lists::Tokens::read_leave(keys, id, leave)->member_id == id);
  for (std::string* token : {&verp, &leave}) {
    char& octet = (*token)[static_cast<unsigned char>(data[8]) % token->size()];
    if (ascii_lower(octet) == ascii_lower(data[9])) continue;
    octet = data[9];
    // Digits of base 32 have aliases (O and 0), which name the same id.
    if (const auto read = tokens.read_bounce(verp))
      ESSAIM_CHECK(read->post_id == id && read->member_id == id / 2);
    if (const auto read = lists::Tokens::read_leave(keys, id, leave)) ESSAIM_CHECK(read->member_id == id);
  }
}
