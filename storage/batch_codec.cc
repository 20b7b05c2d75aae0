// The two blobs of a batch. Both: version 1, varint size of the content, zstd frame of the content. What is
// read is not trusted: sizes and counts are bounded before anything is allocated by them, and everything must
// fit exactly.
//
// recipients: varint count; runs of one domain: varint length of the run, domain; per recipient: zigzag
// varint of the
//   member id's difference to the one before, local part.
// progress: varint count; replies and hosts, each varint count (without the empty text 0) and texts; then by
// column for
//   all recipients: state octets, varint attempts, time, reply, host.
#include <memory>
#include <unordered_map>

#include <zstd.h>

#include "core/base/encoding.h"
#include "storage/batch_store.h"

namespace essaim::storage {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr int kLevel = 1;
constexpr std::size_t kNotCompressed = 128;  // octets
constexpr std::size_t kMaxContent = 4U << 20;
constexpr std::size_t kMaxText = 512;   // of a reply or host
constexpr std::size_t kMaxPart = 1024;  // of a local part or domain

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// A frame whose only block is the content as it is (RFC 8878 §3.1.1): of a batch to a few recipients, which compression would
// not make smaller, and every post to a small list has one.
std::string framed(std::string_view content) {
  constexpr std::uint32_t kMagic = 0xFD2FB528, kLastRawBlock = 1;
  constexpr std::uint8_t kSizeInOneOctet = 0x20;  // single segment
  const auto size = static_cast<std::uint32_t>(content.size());
  const auto block = kLastRawBlock | size << 3;
  std::string blob;
  blob.reserve(12 + content.size());
  put_u8(&blob, kVersion);
  put_varint(&blob, size);
  for (const int shift : {0, 8, 16, 24}) put_u8(&blob, static_cast<std::uint8_t>(kMagic >> shift));
  put_u8(&blob, kSizeInOneOctet);
  put_u8(&blob, static_cast<std::uint8_t>(size));
  for (const int shift : {0, 8, 16}) put_u8(&blob, static_cast<std::uint8_t>(block >> shift));
  blob += content;
  return blob;
}

std::string packed(std::string_view content) {
  if (content.size() <= kNotCompressed) return framed(content);
  thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  ESSAIM_CHECK(context != nullptr);
  std::string blob;
  put_u8(&blob, kVersion);
  put_varint(&blob, content.size());
  const std::size_t head = blob.size();
  blob.resize(head + ZSTD_compressBound(content.size()));
  const std::size_t size = ZSTD_compressCCtx(context.get(), blob.data() + head, blob.size() - head,
                                             content.data(), content.size(), kLevel);
  ESSAIM_CHECK(ZSTD_isError(size) == 0);
  blob.resize(head + size);
  return blob;
}

Error damaged(const char* what) {
  return {ErrorCode::kDamaged, std::string("stored batch: ") + what};
}

Result<std::string> unpacked(std::string_view blob) {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  ESSAIM_CHECK(context != nullptr);
  Reader reader(blob);
  if (reader.u8() != kVersion) return damaged("unknown version");
  const std::uint64_t size = reader.varint();
  if (reader.failed() || size > kMaxContent) return damaged("impossible size");
  const std::string_view frame = reader.take(reader.remaining());
  // The size is known twice; checking first keeps a small damaged blob from taking megabytes.
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != size) return damaged("sizes differ");
  std::string content(static_cast<std::size_t>(size), '\0');
  const std::size_t got =
      ZSTD_decompressDCtx(context.get(), content.data(), content.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) != 0 || got != size) return damaged("it does not decompress");
  return content;
}

std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
std::int64_t unzigzag(std::uint64_t v) {
  return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1) + 1));
}

// Texts that some recipient refers to, renumbered in order of first use; 0 stays the empty text.
class TextTable {
 public:
  explicit TextTable(const std::vector<std::string>& from) : from_(from), numbers_(from.size(), 0) {}
  std::uint32_t use(std::uint32_t index) {
    if (index == 0 || index >= from_.size() || from_[index].empty()) return 0;
    if (numbers_[index] == 0) {
      const auto [known, is_new] =
          by_text_.try_emplace(std::string_view(from_[index]).substr(0, kMaxText), used_.size() + 1);
      if (is_new) used_.push_back(known->first);
      numbers_[index] = static_cast<std::uint32_t>(known->second);
    }
    return numbers_[index];
  }
  void put(std::string* out) const {
    put_varint(out, used_.size());
    for (const auto text : used_) put_string(out, text);
  }

 private:
  const std::vector<std::string>& from_;
  std::vector<std::uint32_t> numbers_;
  std::vector<std::string_view> used_;
  std::unordered_map<std::string_view, std::size_t> by_text_;
};

bool read_texts(Reader* reader, std::size_t most, std::vector<std::string>* out) {
  const std::uint64_t count = reader->varint();
  if (count > most) return false;
  out->reserve(static_cast<std::size_t>(count) + 1);
  for (std::uint64_t i = 0; i < count && !reader->failed(); ++i) {
    const std::string_view text = reader->string();
    if (text.empty() || text.size() > kMaxText) return false;
    out->emplace_back(text);
  }
  return !reader->failed();
}

}  // namespace

std::string encode_recipients(const std::vector<BatchRecipient>& recipients) {
  ESSAIM_CHECK(recipients.size() <= kBatchSize);
  std::string content;
  put_varint(&content, recipients.size());
  Id last = 0;
  for (std::size_t i = 0; i < recipients.size();) {
    std::size_t end = i + 1;
    while (end < recipients.size() && recipients[end].domain == recipients[i].domain) ++end;
    put_varint(&content, end - i);
    put_string(&content, recipients[i].domain);
    for (; i < end; ++i) {
      put_varint(&content, zigzag(recipients[i].member_id - last));
      last = recipients[i].member_id;
      put_string(&content, recipients[i].local);
    }
  }
  return packed(content);
}

Result<std::vector<BatchRecipient>> decode_recipients(std::string_view blob) {
  auto content = unpacked(blob);
  if (!content.ok()) return content.error();
  Reader reader(*content);
  const std::uint64_t count = reader.varint();
  if (count > kBatchSize) return damaged("too many recipients");
  std::vector<BatchRecipient> recipients;
  recipients.reserve(static_cast<std::size_t>(count));
  std::uint64_t last = 0;  // unsigned: a damaged difference must not overflow
  while (recipients.size() < count) {
    const std::uint64_t run = reader.varint();
    const std::string_view domain = reader.string();
    if (reader.failed() || run == 0 || run > count - recipients.size() || domain.size() > kMaxPart) {
      return damaged("wrong run of a domain");
    }
    for (std::uint64_t i = 0; i < run; ++i) {
      last += static_cast<std::uint64_t>(unzigzag(reader.varint()));
      const std::string_view local = reader.string();
      const auto id = static_cast<Id>(last);
      if (reader.failed() || id < 0 || local.size() > kMaxPart) return damaged("wrong recipient");
      recipients.push_back({id, std::string(local), std::string(domain)});
    }
  }
  if (reader.remaining() != 0) return damaged("octets left over");
  return recipients;
}

std::string encode_progress(const BatchProgress& progress) {
  const auto& all = progress.recipients;
  ESSAIM_CHECK(all.size() <= kBatchSize);
  TextTable replies(progress.replies), hosts(progress.hosts);
  std::string columns, reply_column, host_column;
  for (const auto& r : all) put_u8(&columns, static_cast<std::uint8_t>(r.state));
  for (const auto& r : all) put_varint(&columns, r.attempts);
  for (const auto& r : all) put_varint(&columns, r.time);
  for (const auto& r : all) put_varint(&reply_column, replies.use(r.reply));
  for (const auto& r : all) put_varint(&host_column, hosts.use(r.host));
  std::string content;
  put_varint(&content, all.size());
  replies.put(&content);
  hosts.put(&content);
  content += columns;
  content += reply_column;
  content += host_column;
  return packed(content);
}

Result<BatchProgress> decode_progress(std::string_view blob, std::size_t recipients) {
  if (recipients > kBatchSize) return damaged("too many recipients");
  BatchProgress progress;
  if (blob.empty()) {  // nothing has happened yet
    progress.recipients.resize(recipients);
    return progress;
  }
  auto content = unpacked(blob);
  if (!content.ok()) return content.error();
  Reader reader(*content);
  if (reader.varint() != recipients || reader.failed())
    return damaged("progress of another number of recipients");
  if (!read_texts(&reader, recipients, &progress.replies) ||
      !read_texts(&reader, recipients, &progress.hosts)) {
    return damaged("wrong table of replies or hosts");
  }
  progress.recipients.resize(recipients);
  bool good = true;
  for (auto& r : progress.recipients) {
    const std::uint8_t state = reader.u8();
    good = good && state <= static_cast<std::uint8_t>(RecipientState::kSuppressed);
    r.state = static_cast<RecipientState>(state);
  }
  const auto column = [&reader, &good](std::uint64_t most) {
    const std::uint64_t v = reader.varint();
    good = good && v <= most;
    return v;
  };
  for (auto& r : progress.recipients) r.attempts = static_cast<std::uint16_t>(column(UINT16_MAX));
  for (auto& r : progress.recipients) r.time = static_cast<std::uint32_t>(column(UINT32_MAX));
  for (auto& r : progress.recipients)
    r.reply = static_cast<std::uint32_t>(column(progress.replies.size() - 1));
  for (auto& r : progress.recipients) r.host = static_cast<std::uint32_t>(column(progress.hosts.size() - 1));
  if (!good || reader.failed() || reader.remaining() != 0) return damaged("wrong progress");
  return progress;
}

}  // namespace essaim::storage
