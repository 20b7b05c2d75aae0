// Which members a post is for, as a condition on rows of `member`. A plain value.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "core/smtp/address.h"
#include "storage/records.h"

namespace essaim::storage {

struct Readers {
  // Ranges of `delivery`: those of the second get no copy of what they wrote. A later program may have more ways of having posts:
  // who has one of these has each, as with a program that knows none of them.
  static constexpr std::int64_t kNobody = std::numeric_limits<std::int64_t>::max();
  std::int64_t first = static_cast<int>(Reception::kEach);
  std::int64_t last = static_cast<int>(Reception::kSummary);
  std::int64_t others_from = static_cast<int>(Reception::kNotOwn);
  std::string author_domain;  // "" if nobody is left out
  std::string author_key;

  // A condition with five values: first, last, others_from, author_domain, author_key.
  static constexpr std::string_view kCondition =
      "(delivery BETWEEN ? AND ? OR (delivery >= ? AND NOT (domain = ? AND local_key = ?)))";

  // What we write to all members is for those without posts, too.
  static Readers all() { return {0, kNobody, kNobody, "", ""}; }
  static Readers of_post(Reception readers, const smtp::Address& author) {
    const int value = static_cast<int>(readers);
    if (is_gathered(readers)) return {value, value, kNobody, "", ""};
    Readers out;
    if (readers == Reception::kEach) out.last = out.first;
    out.author_domain = author.domain;
    out.author_key = author.local_key();
    return out;
  }
  static Readers of(const PostRecord& post) {
    if (post.kind == PostKind::kNotice) return all();
    const auto author = smtp::parse_mailbox(post.author, smtp::LocalPart::kUtf8);
    return of_post(post.readers, author.ok() ? *author : smtp::Address{});
  }
};

}  // namespace essaim::storage
