// One message shown to one filter over one connection, as an MTA does (milter_packet.h), sans-I/O. The whole dialogue is told
// once the message is here: a filter refuses before the 250 all the same, several addresses of it can stand in for
// each other, and no filter holds a connection for as long as a client keeps its own.
//
//   negotiate -> connect -> HELO -> MAIL -> RCPT... -> DATA -> fields -> end of header -> body -> end of message
//
// Each step waits for its answer, unless the filter wants it not at all, or does not answer it. What is refused at any step is
// refused; after the end of the message changes come before the answer. Bounded by kMostChanges and `most_octets`.
//
// One thread. What is told about outlives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/mail/header_block.h"
#include "core/smtp/reply.h"
#include "smtpd/filters/header_change.h"
#include "smtpd/filters/milter_packet.h"

namespace essaim::smtpd::milter {

// What a filter is told besides the message.
struct Envelope {
  std::string client_name;  // verified; "": unknown
  std::string client_ip;    // "": unknown
  std::uint16_t client_port = 0;
  std::string helo;
  std::string reverse_path;                 // "ann@example.org"; "": the null sender
  std::vector<std::string> mail_arguments;  // "SIZE=1234"
  std::vector<std::string> recipients;      // "dev@lists.example.org"
  // {name, value}, by the command in front of which filters expect them.
  using Macros = std::vector<std::pair<std::string, std::string>>;
  Macros at_connect, at_helo, at_mail, at_end;
};

struct Verdict {
  // What is to be answered; no code: it may pass.
  smtp::Reply reply;
  bool held = false;  // somebody is to look at it
  std::string held_because;
  std::vector<HeaderChange> changes;
  std::optional<std::string> body;
  std::vector<std::string> left_out;  // what it asked for and is not done here: "add-recipient" ...
};

class Session {
 public:
  class Output {
   public:
    virtual void send(std::string_view bytes) = 0;
    virtual void send_content(std::size_t offset, std::size_t length) = 0;  // of the message

   protected:
    ~Output() = default;
  };
  static constexpr std::size_t kMostChanges = 1000;
  static constexpr std::size_t kBodyPiece = 65535;

  // `content`: a message, of which `header` was read. `most_octets`: of what the filter makes of it.
  Session(const Envelope& envelope, std::string_view content, const mail::HeaderBlock& header,
          std::uint64_t most_octets, Output& output);

  void start();
  // kInvalid: the filter does not keep to the protocol; nothing more is to be told it.
  Result<void> receive(std::string_view bytes);
  bool done() const { return step_ == Step::kDone; }
  // What it is busy with, for the log: "RCPT".
  const char* step_name() const;
  Verdict take_verdict() { return std::move(verdict_); }

 private:
  enum class Step {
    kNegotiate,
    kConnect,
    kHelo,
    kMail,
    kRecipient,
    kData,
    kHeader,
    kEndOfHeader,
    kBody,
    kEndOfMessage,
    kDone
  };
  void go_on();  // to the next answer that is waited for
  bool tell();   // the present step; true: its answer is awaited
  bool is_over() const;
  void next_step();
  bool unwanted() const;
  bool silent() const;
  void send(Command command, std::string_view data = {});
  void send_macros(Command before, const Envelope::Macros& macros);
  Result<void> negotiated(std::string_view data);
  Result<void> take(const Packet& packet);
  Result<bool> take_change(const Packet& packet);  // false: it is none
  void refuse(smtp::Reply reply);
  void end() { step_ = Step::kDone; }

  const Envelope& envelope_;
  const std::string_view content_;
  const mail::HeaderBlock& header_;
  const std::uint64_t most_octets_;
  Output& output_;
  PacketReader reader_;
  Step step_ = Step::kNegotiate;
  std::size_t number_ = 0;  // of recipient or field, within its step
  std::size_t sent_ = 0;    // of the content
  std::uint32_t actions_ = 0, steps_ = 0;
  std::uint64_t octets_ = 0;  // of changes
  Verdict verdict_;
};

// The text of SMFIR_REPLYCODE, made fit to be said: "550 5.7.1 spam". Of what is no reply with 4xx or 5xx, nothing.
std::optional<smtp::Reply> parse_reply(std::string_view text);

}  // namespace essaim::smtpd::milter
