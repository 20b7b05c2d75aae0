// What follows 354 (RFC 5321 §4.1.1.4, §4.5.2): takes the transparency dots away and finds the end. ONLY
// CRLF.CRLF ends the data. A CR or LF that is not part of CRLF is remembered, so that the session refuses the
// message when it has been read, or is replaced (SMTP smuggling: CVE-2023-51764 and its kin). Sans-I/O, holds
// no more than two octets. The same rules for lines, without the dots, serve BDAT (RFC 3030).
//
//   kLineStart --"."--> kDot --CR--> kDotCr --LF--> end        any other octet leads to kInLine; the dot is
//   dropped kInLine --CRLF--> kLineStart        kCr: a CR was the last octet of what was fed
#pragma once

#include <cstdint>
#include <string_view>

namespace essaim::smtp {

// What to do with bare CR and bare LF.
enum class BareLineEnds {
  kRefuse,     // only remembered; the output is then not meant to be used
  kNormalise,  // a bare LF becomes CRLF, a bare CR a space; never an end of data, never a line start for the
               // dot
};

// What marks the end of the message.
enum class Framing {
  kDot,     // DATA
  kCounted  // BDAT (RFC 3030): somebody else counts; dots mean nothing, finish() ends it
};

class DataDecoder {
 public:
  // Octets with CRLF. RFC 5321 §4.5.3.1.6 allows 1,000. Tolerated: longer lines, which web programs send;
  // they are made short before they go on (mail/downgrade.h).
  static constexpr std::size_t kMaxLine = 10'000;

  // Gets the message in pieces, in order, CRLF line ends as received.
  class Sink {
   public:
    virtual void on_message_data(std::string_view bytes) = 0;

   protected:
    ~Sink() = default;
  };

  explicit DataDecoder(BareLineEnds mode = BareLineEnds::kRefuse, Framing framing = Framing::kDot)
      : mode_(mode), framing_(framing) {}

  // Gives how many octets belonged to the data; the rest, if any, are commands behind its end.
  std::size_t feed(std::string_view bytes, Sink* sink);
  // The last octet has been fed; only for Framing::kCounted. Tolerated: a last line without its CRLF, which a
  // message does not have (RFC 5322 §2.1) but some clients send; it is completed.
  void finish(Sink* sink);
  bool done() const { return state_ == State::kDone; }

  bool bare_cr() const { return bare_cr_; }
  bool bare_lf() const { return bare_lf_; }
  bool nul() const { return nul_; }
  bool long_line() const { return long_line_; }
  BareLineEnds mode() const { return mode_; }
  // The message cannot be accepted, whatever follows.
  bool spoiled() const {
    return nul_ || long_line_ || (mode_ == BareLineEnds::kRefuse && (bare_cr_ || bare_lf_));
  }

 private:
  enum class State { kLineStart, kDot, kDotCr, kInLine, kCr, kDone };
  struct Run;

  void in_line(Run* run);
  void count(std::size_t octets);

  const BareLineEnds mode_;
  const Framing framing_;
  State state_ = State::kLineStart;
  std::size_t line_octets_ = 0;
  bool bare_cr_ = false;
  bool bare_lf_ = false;
  bool nul_ = false;
  bool long_line_ = false;
};

}  // namespace essaim::smtp
