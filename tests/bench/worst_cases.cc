// essaim-worst-cases: what parsers and tables cost for input made to hurt, at n, 2n and 4n. Growth over two
// doublings that is clearly above linear (more than 3.2 times a doubling, at every one of five tries) fails.
//
//   essaim-worst-cases [PART OF A NAME]
//
// Processor time of the thread, the best of three runs each, n large enough for 4 ms: so neither other work on
// the machine nor small constants decide. Where a limit cuts the input off, the cost stays what it is.
#include <cstdio>
#include <ctime>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/mail/content_type.h"
#include "core/mail/downgrade.h"
#include "core/mail/dsn.h"
#include "core/mail/encoded_word.h"
#include "core/mail/header_block.h"
#include "core/mail/loop.h"
#include "core/mail/message_id.h"
#include "core/mail/mime_footer.h"
#include "core/mail/readable.h"
#include "core/mail/subject.h"
#include "core/mail/transfer_encoding.h"
#include "core/net/event_loop.h"
#include "core/smtp/data_decoder.h"
#include "core/smtp/dot_stuffing.h"
#include "core/smtp/path.h"
#include "core/smtp/reply_reader.h"
#include "lists/commands/parse.h"
#include "lists/directory_text.h"
#include "lists/scenario/filter.h"
#include "lists/scenario/parse.h"
#include "smtpd/guard/table.h"
#include "smtpd/session/line_buffer.h"
#include "storage/batch_store.h"

using namespace essaim;

namespace {

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::string repeated(std::string_view piece, std::size_t n) {
  std::string out;
  out.reserve(piece.size() * n);
  for (std::size_t i = 0; i < n; ++i) out += piece;
  return out;
}

using Work = std::function<void()>;

struct Case {
  std::string name;
  std::function<Work(std::size_t n)> make;  // what it prepares is not measured
};

// What is done to `count` times a piece between a head and a tail.
Case text(std::string name, std::string head, std::string piece, std::string tail,
          void (*treat)(const std::string& text)) {
  return {std::move(name),
          [=](std::size_t n) { return [treat, input = head + repeated(piece, n) + tail] { treat(input); }; }};
}

mail::HeaderLimits without_limits() {
  return {std::size_t{1} << 40, std::size_t{1} << 40};
}

void header(const std::string& text) {
  const auto block = mail::HeaderBlock::parse(text, without_limits());
  if (!block.ok()) return;
  mail::loop_marks(*block);
  mail::message_id_of(*block);
  static_cast<void>(block->serialise());
}

void addresses(const std::string& text) {
  mail::parse_address_list(text, std::size_t{1} << 40);
}

void words(const std::string& text) {
  static_cast<void>(mail::encode_text(mail::decode_encoded_words(text)));
}

void subject(const std::string& text) {
  static_cast<void>(mail::tagged_subject(text, "[tag]"));
}

void content_type(const std::string& text) {
  static_cast<void>(mail::parse_content_type(text));
}

void footer(const std::string& text) {
  auto block = mail::HeaderBlock::parse(text);
  if (!block.ok()) return;
  const std::string_view body = std::string_view(text).substr(block->body_offset());
  static_cast<void>(mail::add_footer(&*block, body, {.text = "words\n", .html = "<p>words</p>"}));
}

void downgrade(const std::string& text) {
  static_cast<void>(mail::downgraded_to_7bit(text));
}

void report(const std::string& text) {
  static_cast<void>(mail::parse_dsn(text));
}

void decode_data(const std::string& text) {
  struct Nowhere final : smtp::DataDecoder::Sink {
    void on_message_data(std::string_view) override {}
  } nowhere;
  smtp::DataDecoder decoder(smtp::BareLineEnds::kNormalise);
  for (std::size_t at = 0; at < text.size(); at += 7)
    decoder.feed(std::string_view(text).substr(at, 7), &nowhere);
}

void stuff(const std::string& text) {
  smtp::DotStuffing stuffing(text.size());
  stuffing.append(text);
  static_cast<void>(std::move(stuffing).finish());
}

void replies(const std::string& text) {
  smtp::ReplyReader reader;
  for (std::size_t at = 0; at < text.size(); at += 7) {
    std::string_view piece = std::string_view(text).substr(at, 7);
    while (!piece.empty()) {
      const auto status = reader.feed(&piece);
      if (status == smtp::ReplyReader::Status::kError) return;
      if (status == smtp::ReplyReader::Status::kReply) reader.take();
    }
  }
}

// As the session does: small pieces, lines taken when they are there.
void command_lines(const std::string& text) {
  smtpd::LineBuffer buffer(2'048);
  for (std::size_t at = 0; at < text.size(); at += 7) {
    buffer.append(std::string_view(text).substr(at, 7));
    std::string_view line;
    while (buffer.next(&line) != smtpd::LineBuffer::Next::kNone) {
      smtp::MailCommand command;
      smtp::parse_mail_argument(line, &command);
    }
    buffer.compact();
  }
}

// All at once, as behind a pause.
void pipelined_lines(const std::string& text) {
  smtpd::LineBuffer buffer(2'048);
  buffer.append(text);
  std::string_view line;
  while (buffer.next(&line) != smtpd::LineBuffer::Next::kNone) buffer.compact();
}

void members(const std::string& text) {
  std::istringstream in(text);
  lists::read_member_lines(in);
}

void directory(const std::string& text) {
  static_cast<void>(lists::read_directory(text));
}

void scenario(const std::string& text) {
  static_cast<void>(lists::scenario::parse(text, "send.x"));
}

void filter(const std::string& text) {
  const auto filter = lists::scenario::TextFilter::parse(text, "x.txt");
  if (filter.ok()) filter->contains("aaaaaaaaaaaaaaaaaaaaaaaa@b.example");
}

void mailed_commands(const std::string& text) {
  const auto block = mail::HeaderBlock::parse(text, without_limits());
  if (!block.ok()) return;
  lists::parse_commands("", mail::main_text(*block, std::string_view(text).substr(block->body_offset())));
}

Work guard_table(std::size_t n) {
  return [n] {
    smtpd::guard::Table table(n / 2);
    for (std::size_t i = 0; i < n; ++i) {
      smtpd::guard::Network network;
      network.bits = 128;
      // Addresses of one provider: alike but for a few bits.
      for (std::size_t bit = 0; bit < 4; ++bit)
        network.octets[bit * 4] = static_cast<std::uint8_t>(i >> (8 * bit));
      table.settle(table.at(network));
    }
  };
}

Work timers(std::size_t n) {
  return [n] {
    net::EventLoop loop("worst");
    std::vector<std::unique_ptr<net::Timer>> all;
    for (std::size_t i = 0; i < n; ++i) {
      all.push_back(std::make_unique<net::Timer>(loop, [] {}));
      all.back()->start(std::chrono::hours(1) - std::chrono::milliseconds(i));
    }
    for (int round = 0; round < 5; ++round)
      for (const auto& timer : all) timer->start(std::chrono::hours(2));
    for (std::size_t i = 0; i < n; i += 2) all[i].reset();
  };
}

// RFC 2231 §3: the pieces of one value, each with its number, in an order that is none.
Work numbered_segments(std::size_t n) {
  std::string input = "multipart/mixed";
  for (std::size_t i = 0; i < n; ++i) input += "; boundary*" + std::to_string((i * 7'919) % n) + "*=%41";
  return [input] { content_type(input); };
}

Work batch_replies(std::size_t n) {
  return [n] {
    for (std::size_t batch = 0; batch * 1'000 < n; ++batch) {
      storage::BatchProgress progress;
      progress.recipients.resize(1'000);
      for (std::uint32_t i = 0; i < 1'000; ++i) {
        progress.replies.push_back("550 " + std::to_string(i));
        progress.hosts.push_back("mx" + std::to_string(i));
        progress.recipients[i].reply = progress.recipients[i].host = i + 1;
      }
      static_cast<void>(storage::decode_progress(storage::encode_progress(progress), 1'000));
    }
  };
}

std::vector<Case> cases() {
  const std::string mixed = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  const std::string dsn =
      "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: "
      "message/delivery-status\r\n\r\n";
  return {
      text("header: fields", "", "A: b\r\n", "\r\n", header),
      text("header: folded lines", "A: b\r\n", " c\r\n", "\r\n", header),
      text("header: Received", "", "Received: from a by b\r\n", "\r\n", header),
      text("header: a line without colon", "", "x", "", header),
      text("header: a Message-ID of comments", "Message-ID: ", "(", "\r\n\r\n", header),
      text("header: many List-Id", "", "List-Id: <x.example>\r\n", "\r\n", header),
      text("addresses: a list", "", "a@b.example, ", "", addresses),
      text("addresses: comments", "", "(", "", addresses),
      text("addresses: brackets", "", "<", "", addresses),
      text("addresses: quotation marks", "", "\"a", "", addresses),
      text("addresses: groups", "", "g:", "", addresses),
      text("addresses: commas", "", ",", "", addresses),
      text("words: beginnings of encoded words", "", "=?a?q?", "", words),
      text("words: encoded words", "", "=?utf-8?q?=C3=A9?= ", "", words),
      text("words: half characters", "", "=?utf-8?b?w6k=?==?utf-8?b?ww==?= ", "", words),
      text("words: question marks", "=?", "?", "", words),
      text("subject: reply prefixes", "", "Re: ", "", subject),
      text("subject: tags", "", "[tag] ", "", subject),
      text("subject: prefixes and tags", "", "Re: [tag] ", "", subject),
      text("content type: parameters", "text/plain", "; a=b", "", content_type),
      text("content type: segments of one parameter", "text/plain", "; a*1*=x", "", content_type),
      text("content type: backslashes", "text/plain; a=\"", "\\", "", content_type),
      text("footer: parts", mixed, "--b\r\n\r\nx\r\n", "--b--\r\n", footer),
      text("footer: parts within themselves", "", mixed + "--b\r\n" + mixed, "--b--\r\n", footer),
      text("footer: messages in messages", "", "Content-Type: message/rfc822\r\n\r\n", "x\r\n", footer),
      text("footer: depth", "", mixed + "--b\r\n", "", footer),
      text("footer: prefixes of a boundary", mixed, "--bx\r\n", "", footer),
      text("footer: line ends", "A: b\r\n\r\n", "\r\n", "", footer),
      text("footer: one line", "A: b\r\n\r\n", "x", "", footer),
      text("footer: beginnings of armour", "A: b\r\n\r\n", "-----BEGIN PGP ", "", footer),
      text("footer: ends of a body in HTML", "Content-Type: text/html\r\n\r\n", "</body", "", footer),
      text("footer: beginnings of a body in HTML", "Content-Type: text/html\r\n\r\n", "<body '", "", footer),
      text("footer: quoted-printable", "Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=\r\n", "",
           footer),
      text("footer: base64", "Content-Transfer-Encoding: base64\r\n\r\n", "YWJj\r\n", "", footer),
      text("7 bit: parts", mixed, "--b\r\n\r\n\xc3\xa9\r\n", "--b--\r\n", downgrade),
      text("7 bit: depth", "", mixed + "--b\r\n", "\xc3\xa9\r\n", downgrade),
      text("7 bit: messages in messages", "", "Content-Type: message/rfc822\r\n\r\n", "\xc3\xa9\r\n",
           downgrade),
      text("7 bit: names", "From: ", "\"\xc3\xa9", "\r\n\r\nx\r\n", downgrade),
      text("report: lines that are no fields", dsn, "no field\r\n", "--b--\r\n", report),
      text("report: recipients", dsn, "Final-Recipient: rfc822; a@b\r\nAction: failed\r\n\r\n", "--b--\r\n",
           report),
      text("report: empty groups", dsn, "A: b\r\n\r\n", "--b--\r\n", report),
      text("data: dots", "", "..\r\n", ".\r\n", decode_data),
      text("data: CR alone", "", "\r", "\r\n.\r\n", decode_data),
      text("data: LF alone", "", "\n", "\r\n.\r\n", decode_data),
      text("stuffing: dots", "", ".\r\n", "", stuff),
      text("stuffing: CR alone", "x", "\r", "", stuff),
      text("replies: one by one", "", "250 ok\r\n", "", replies),
      text("replies: lines", "", "250-x\r\n", "250 x\r\n", replies),
      text("commands: empty lines", "", "\r\n", "", command_lines),
      text("commands: a line without end", "", "x", "", command_lines),
      text("commands: source routes", "", "FROM:<@a.example,@b.example:c@d.example>\r\n", "", command_lines),
      text("commands: pipelined", "", "NOOP\r\n", "", pipelined_lines),
      text("members: lines", "", "A B <a@b.example>\n", "", members),
      text("members: lines that are wrong", "", "a@\n", "", members),
      text("directory: members twice", "[lists.\"a@b.example\"]\nmembers = [", "\"a@b.example\",", "]\n",
           directory),
      text("scenario: rules", "", "true() smtp,md5 -> do_it\n", "", scenario),
      text("scenario: lines that are wrong", "", "x\n", "", scenario),
      text("scenario: one operand", "equal([sender],'", "[sender]", "') smtp -> do_it\n", scenario),
      text("scenario: brackets", "", "equal([", "\n", scenario),
      text("filter: patterns", "", "a*b*@c.example\n", "", filter),
      text("filter: one pattern", "", "a*", "\n", filter),
      text("commands by mail: lines", "A: b\r\n\r\n", "> set dev nomail\r\n", "", mailed_commands),
      text("commands by mail: quotation marks", "A: b\r\n\r\n", ">", "\r\n", mailed_commands),
      text("commands by mail: one line", "A: b\r\n\r\nsub dev ", "x ", "\r\n", mailed_commands),
      text("commands by mail: tags", "Content-Type: text/html\r\n\r\n", "<b", "", mailed_commands),
      text("commands by mail: references", "Content-Type: text/html\r\n\r\n", "&amp;&", "", mailed_commands),
      text("commands by mail: beginnings of what is not shown", "Content-Type: text/html\r\n\r\n", "<style>",
           "", mailed_commands),
      {"content type: numbered segments", numbered_segments},
      {"guard: clients of one provider", guard_table},
      {"loop: timers moved and cancelled", timers},
      {"batches: as many replies as recipients", batch_replies},
  };
}

double best_of_three(const Work& work) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const double began = processor_seconds();
    work();
    best = std::min(best, processor_seconds() - began);
  }
  return best;
}

// The octets of an input stay within reason; what is faster than that is fast enough.
constexpr std::size_t kMostUnits = 4'000'000;

struct Growth {
  std::size_t n = 0;
  double times[3] = {};
  double ratio() const { return std::max(times[1] / times[0], times[2] / times[1]); }
};

Growth measured(const Case& one) {
  Growth growth;
  for (growth.n = 1'000; growth.n < kMostUnits / 4; growth.n *= 2)
    if (best_of_three(one.make(growth.n)) > 0.004) break;
  for (std::size_t i = 0; i < 3; ++i)
    growth.times[i] = std::max(1e-6, best_of_three(one.make(growth.n << i)));
  return growth;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr double kTooMuch = 3.2;  // for a doubling; linear work is 2, with caches up to 2.6
  bool good = true;
  std::printf("%-45s %10s %9s %9s %9s %7s\n", "", "n", "n: ms", "2n: ms", "4n: ms", "growth");
  for (const Case& one : cases()) {
    if (argc > 1 && one.name.find(argv[1]) == std::string::npos) continue;
    Growth growth = measured(one);
    for (int again = 0; again < 4 && growth.ratio() > kTooMuch; ++again) growth = measured(one);
    // Below a millisecond for the largest input nothing is said by a ratio.
    const bool bad = growth.ratio() > kTooMuch && growth.times[2] > 0.001;
    good = good && !bad;
    std::printf("%-45s %10zu %9.2f %9.2f %9.2f %6.2fx%s\n", one.name.c_str(), growth.n, growth.times[0] * 1e3,
                growth.times[1] * 1e3, growth.times[2] * 1e3, growth.ratio(), bad ? "  NOT LINEAR" : "");
    std::fflush(stdout);
  }
  return good ? 0 : 1;
}
