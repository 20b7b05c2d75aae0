#include "core/mailauth/header_hash.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::mailauth {

FieldIndex::FieldIndex(const mail::HeaderBlock& header) {
  for (auto field = header.fields().rbegin(); field != header.fields().rend(); ++field)
    fields_[ascii_lowered(field->name())].push_back(&*field);
}

std::vector<const mail::HeaderField*> FieldIndex::select(const std::vector<std::string>& names) const {
  std::unordered_map<std::string_view, std::size_t> taken;
  std::vector<const mail::HeaderField*> out;
  out.reserve(names.size());
  for (const std::string& name : names) {
    const auto found = fields_.find(name);
    std::size_t& next = taken[name];
    out.push_back(found == fields_.end() || next >= found->second.size() ? nullptr : found->second[next]);
    ++next;
  }
  return out;
}

bool FieldIndex::is_doubled(const std::vector<std::string>& names) const {
  for (const char* one : {"from", "sender", "reply-to", "subject", "message-id", "mime-version",
                          "content-type", "content-transfer-encoding"}) {
    const auto found = fields_.find(one);
    if (found == fields_.end() || found->second.size() < 2) continue;
    const auto named = static_cast<std::size_t>(std::count(names.begin(), names.end(), one));
    if (named == 0 || named >= found->second.size()) continue;
    const std::string signed_value = found->second[named - 1]->value();
    for (std::size_t i = named; i < found->second.size(); ++i)
      if (found->second[i]->value() != signed_value) return true;
  }
  return false;
}

void hash_fields(const std::vector<const mail::HeaderField*>& fields, Canonicalization canonicalization,
                 Sha256* hash) {
  std::string text;
  for (const mail::HeaderField* field : fields) {
    if (field == nullptr) continue;
    append_canonical_field(field->raw(), canonicalization, &text);
    if (text.size() < 16'384) continue;
    hash->update(text);
    text.clear();
  }
  hash->update(text);
}

void hash_own_field(std::string_view field, Canonicalization canonicalization, Sha256* hash) {
  std::string text;
  append_canonical_field(field, canonicalization, &text);
  if (text.ends_with("\r\n")) text.resize(text.size() - 2);
  hash->update(text);
}

}  // namespace essaim::mailauth
