// Packets of the milter protocol, version 6: what Sendmail and Postfix say to mail filters. There is no standard; the facts are
// those of libmilter (mfdef.h, mfapi.h) and of draft-adams-milter-protocol-00.
//
// A packet is its length (four octets, most significant first), which counts what follows, one octet that says what it is,
// and data. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace essaim::smtpd::milter {

enum class Command : char {
  kMacros = 'D',
  kNegotiate = 'O',
  kConnect = 'C',
  kHelo = 'H',
  kMail = 'M',
  kRecipient = 'R',
  kData = 'T',
  kHeader = 'L',
  kEndOfHeader = 'N',
  kBody = 'B',
  kEndOfMessage = 'E',
  kQuit = 'Q',
};

enum class Response : char {
  kContinue = 'c',
  kAccept = 'a',
  kReject = 'r',
  kTemporary = 't',
  kDiscard = 'd',
  kReply = 'y',
  kShutDown = '4',
  kConnectionFailed = 'f',
  kSkip = 's',
  kProgress = 'p',
  kNegotiate = 'O',
  // Changes, before the last word about the message only.
  kAddHeader = 'h',
  kInsertHeader = 'i',
  kChangeHeader = 'm',
  kReplaceBody = 'b',
  kQuarantine = 'q',
  kAddRecipient = '+',
  kAddRecipientWithArguments = '2',
  kDeleteRecipient = '-',
  kChangeSender = 'e',
};

// What a filter may ask for when it negotiates.
namespace action {
inline constexpr std::uint32_t kAddHeaders = 0x01, kChangeBody = 0x02, kAddRecipients = 0x04,
                               kDeleteRecipients = 0x08, kChangeHeaders = 0x10, kQuarantine = 0x20,
                               kChangeSender = 0x40, kAddRecipientsWithArguments = 0x80;
}
namespace step {
// Not sent,
inline constexpr std::uint32_t kNoConnect = 0x01, kNoHelo = 0x02, kNoMail = 0x04, kNoRecipient = 0x08,
                               kNoBody = 0x10, kNoHeaders = 0x20, kNoEndOfHeader = 0x40, kNoUnknown = 0x100,
                               kNoData = 0x200;
// may be cut short by kSkip, refused recipients are told too,
inline constexpr std::uint32_t kSkip = 0x400, kRefusedRecipients = 0x800;
// sent, and not answered,
inline constexpr std::uint32_t kSilentHeader = 0x80, kSilentConnect = 0x1000, kSilentHelo = 0x2000,
                               kSilentMail = 0x4000, kSilentRecipient = 0x8000, kSilentData = 0x10000,
                               kSilentUnknown = 0x20000, kSilentEndOfHeader = 0x40000, kSilentBody = 0x80000;
// and values of fields with the white space that stands before them.
inline constexpr std::uint32_t kLeadingSpace = 0x100000;
}  // namespace step

std::string packet(Command what, std::string_view data = {});
// "a\0b\0"
std::string with_nuls(const std::vector<std::string_view>& texts);
std::string octets_of(std::uint32_t number);
// Takes four octets, or a text and its NUL, off the front; nothing if they are not there.
std::optional<std::uint32_t> take_number(std::string_view* data);
std::optional<std::string_view> take_text(std::string_view* data);

struct Packet {
  char what = 0;
  std::string data;
};

// Puts together what comes in pieces.
class PacketReader {
 public:
  // A packet longer than that is refused; what others send is at most 64 KB.
  static constexpr std::size_t kLongest = std::size_t{1} << 20;
  void add(std::string_view bytes) { waiting_ += bytes; }
  // kInvalid: it is no packet, or too long. Nothing: it is not there yet.
  Result<std::optional<Packet>> next();

 private:
  std::string waiting_;
  std::size_t taken_ = 0;
};

}  // namespace essaim::smtpd::milter
