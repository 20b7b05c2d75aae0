// The blobs of a batch as a damaged database may give them: an error, or something that is written again the
// same.
#include <string>

#include <zstd.h>

#include "core/base/encoding.h"
#include "storage/batch_store.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::storage;

namespace {

// So that the fuzzer gets behind the compression.
std::string framed(std::string_view content) {
  std::string blob;
  put_u8(&blob, 1);
  put_varint(&blob, content.size());
  std::string frame(ZSTD_compressBound(content.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), content.data(), content.size(), 1));
  return blob + frame;
}

void check_recipients(std::string_view blob) {
  const auto recipients = decode_recipients(blob);
  if (!recipients.ok()) {
    ESSAIM_CHECK(recipients.error().code == ErrorCode::kDamaged);
    return;
  }
  ESSAIM_CHECK(recipients->size() <= kBatchSize);
  const auto again = decode_recipients(encode_recipients(*recipients));
  ESSAIM_CHECK(again.ok() && again->size() == recipients->size());
  for (std::size_t i = 0; i < again->size(); ++i) {
    const BatchRecipient &a = (*recipients)[i], &b = (*again)[i];
    ESSAIM_CHECK(a.member_id == b.member_id && a.member_id >= 0 && a.local == b.local &&
                 a.domain == b.domain);
  }
}

void check_progress(std::string_view blob, std::size_t recipients) {
  const auto progress = decode_progress(blob, recipients);
  if (!progress.ok()) {
    ESSAIM_CHECK(progress.error().code == ErrorCode::kDamaged);
    return;
  }
  ESSAIM_CHECK(progress->recipients.size() == recipients);
  const auto again = decode_progress(encode_progress(*progress), recipients);
  ESSAIM_CHECK(again.ok());
  for (std::size_t i = 0; i < recipients; ++i) {
    const RecipientStatus &a = progress->recipients[i], &b = again->recipients[i];
    ESSAIM_CHECK(a.reply < progress->replies.size() && a.host < progress->hosts.size());
    ESSAIM_CHECK(a.state == b.state && a.attempts == b.attempts && a.time == b.time);
    ESSAIM_CHECK(progress->replies[a.reply] == again->replies[b.reply]);
    ESSAIM_CHECK(progress->hosts[a.host] == again->hosts[b.host]);
  }
}

}  // namespace

ESSAIM_FUZZ_TARGET(batch_rows) {
  const unsigned choice = fuzz::take_choice(&data);
  if (data.size() > 50'000) return;
  const std::string blob = (choice & 128) != 0 ? std::string(data) : framed(data);
  check_recipients(blob);
  check_progress(blob, choice & 127);
}
