#include "storage/journal/segment_format.h"

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "core/base/text.h"

namespace essaim::storage {

namespace {

constexpr std::uint8_t kOneRecipient = 1;
constexpr std::uint8_t kManyRecipients = 2;  // as the other, with the further ones at its end
constexpr std::size_t kMaxReply = 512;
constexpr std::size_t kMaxHost = 256;

void append_record(const JournalRecord& r, std::string* out) {
  put_u8(out, r.also.empty() ? kOneRecipient : kManyRecipients);
  put_varint(out, static_cast<std::uint64_t>(r.post_id));
  put_varint(out, static_cast<std::uint32_t>(r.batch));
  put_varint(out, r.index);
  put_u8(out, static_cast<std::uint8_t>(r.state));
  put_varint(out, r.attempts);
  put_u64(out, static_cast<std::uint64_t>(to_millis(r.time)));
  put_string(out, std::string_view(r.reply).substr(0, kMaxReply));
  put_string(out, std::string_view(r.host).substr(0, kMaxHost));
  if (r.also.empty()) return;
  ESSAIM_CHECK(r.also.size() <= JournalRecord::kMaxAlso);
  put_varint(out, r.also.size());
  for (const std::uint16_t index : r.also) put_varint(out, index);
}

}  // namespace

std::string encode_journal_record(const JournalRecord& record) {
  std::string bytes;
  append_record(record, &bytes);
  return bytes;
}

Result<JournalRecord> decode_journal_record(std::string_view bytes) {
  const Error damaged{ErrorCode::kDamaged, "journal record: wrong contents"};
  Reader reader(bytes);
  JournalRecord r;
  const std::uint8_t version = reader.u8();
  if (version != kOneRecipient && version != kManyRecipients) return damaged;
  const std::uint64_t post = reader.varint(), batch = reader.varint(), index = reader.varint();
  const std::uint8_t state = reader.u8();
  const std::uint64_t attempts = reader.varint();
  r.time = from_millis(static_cast<std::int64_t>(reader.u64()));
  const std::string_view reply = reader.string(), host = reader.string();
  if (version == kManyRecipients) {
    const std::uint64_t count = reader.varint();
    if (count == 0 || count > JournalRecord::kMaxAlso) return damaged;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t one = reader.varint();
      if (one >= kBatchSize) return damaged;
      r.also.push_back(static_cast<std::uint16_t>(one));
    }
  }
  if (reader.failed() || reader.remaining() != 0 || post > INT64_MAX || batch > INT32_MAX ||
      index >= kBatchSize || attempts > UINT16_MAX ||
      state > static_cast<std::uint8_t>(RecipientState::kSuppressed) || reply.size() > kMaxReply ||
      host.size() > kMaxHost) {
    return damaged;
  }
  r.post_id = static_cast<Id>(post);
  r.batch = static_cast<int>(batch);
  r.index = static_cast<std::uint16_t>(index);
  r.state = static_cast<RecipientState>(state);
  r.attempts = static_cast<std::uint16_t>(attempts);
  r.reply = reply;
  r.host = host;
  return r;
}

std::string segment_name(const std::string& writer, std::int64_t epoch, std::uint64_t number) {
  return writer + "-" + std::to_string(epoch) + "-" + std::to_string(number) + kSegmentSuffix;
}

std::optional<SegmentName> parse_segment_name(const std::string& name) {
  const std::string_view suffix(kSegmentSuffix);
  if (name.size() <= suffix.size() || name.substr(name.size() - suffix.size()) != suffix) return std::nullopt;
  const std::string stem = name.substr(0, name.size() - suffix.size());
  const std::size_t last = stem.rfind('-');
  const std::size_t middle =
      last == std::string::npos || last == 0 ? std::string::npos : stem.rfind('-', last - 1);
  if (middle == std::string::npos) return std::nullopt;
  const auto epoch = parse_u64(std::string_view(stem).substr(middle + 1, last - middle - 1));
  const auto number = parse_u64(std::string_view(stem).substr(last + 1));
  if (!epoch || !number || *epoch > INT64_MAX) return std::nullopt;
  return SegmentName{stem.substr(0, middle), static_cast<std::int64_t>(*epoch), *number};
}

std::string segment_header(std::int64_t epoch, std::uint64_t number, std::uint32_t* seed) {
  std::string header = "ESJ1";
  put_u32(&header, 1);
  put_u64(&header, static_cast<std::uint64_t>(epoch));
  put_u64(&header, number);
  *seed = crc32c(header);
  put_u32(&header, *seed);
  return header;
}

void frame_record(const JournalRecord& record, std::uint32_t seed, std::string* out) {
  const std::size_t at = out->size();
  out->append(kRecordHeader, '\0');
  append_record(record, out);
  const std::string_view bytes = std::string_view(*out).substr(at + kRecordHeader);
  std::string head;
  put_u32(&head, static_cast<std::uint32_t>(bytes.size()));
  put_u32(&head, crc32c(bytes, seed));
  out->replace(at, kRecordHeader, head);
}

}  // namespace essaim::storage
