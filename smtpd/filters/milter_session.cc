#include "smtpd/filters/milter_session.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::smtpd::milter {
namespace {

constexpr std::uint32_t kVersion = 6;
constexpr std::uint32_t kOldest = 2;
// Filters ask for what they might want one day, and some go away where it is not offered; what is not done here is told in
// the log when it is asked for.
constexpr std::uint32_t kActions = action::kAddHeaders | action::kChangeBody | action::kAddRecipients |
                                   action::kDeleteRecipients | action::kChangeHeaders | action::kQuarantine |
                                   action::kChangeSender | action::kAddRecipientsWithArguments;
constexpr std::uint32_t kSteps =
    step::kNoConnect | step::kNoHelo | step::kNoMail | step::kNoRecipient | step::kNoBody | step::kNoHeaders |
    step::kNoEndOfHeader | step::kNoUnknown | step::kNoData | step::kSkip | step::kRefusedRecipients |
    step::kSilentHeader | step::kSilentConnect | step::kSilentHelo | step::kSilentMail |
    step::kSilentRecipient | step::kSilentData | step::kSilentUnknown | step::kSilentEndOfHeader |
    step::kSilentBody | step::kLeadingSpace;

constexpr std::size_t kLongestReason = 300;

smtp::Reply refused() {
  return smtp::reply(550, "5.7.1", "refused");
}

smtp::Reply put_off() {
  return smtp::reply(451, "4.7.1", "try again later");
}

std::string with_line_feeds(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c != '\r') out.push_back(c);
  }
  return out;
}

std::string in_brackets(std::string_view address) {
  return "<" + std::string(address) + ">";
}

}  // namespace

std::optional<smtp::Reply> parse_reply(std::string_view text) {
  smtp::Reply out;
  std::string words;
  for (bool first = true; first || !text.empty(); first = false) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (line.ends_with('\r')) line.remove_suffix(1);
    const auto code = parse_u64(line.substr(0, 3));
    if (line.size() < 3 || !code || (line.size() > 3 && line[3] != ' ' && line[3] != '-'))
      return std::nullopt;
    if (first) {
      if (*code < 400 || *code > 599) return std::nullopt;
      out.code = static_cast<int>(*code);
    }
    line.remove_prefix(std::min<std::size_t>(4, line.size()));
    const auto space = line.find(' ');
    const std::string_view enhanced = line.substr(0, space);
    const bool is_enhanced = enhanced.size() >= 5 &&
                             enhanced.find_first_not_of("0123456789.") == enhanced.npos &&
                             enhanced[1] == '.' && std::count(enhanced.begin(), enhanced.end(), '.') == 2;
    if (is_enhanced) {
      const auto dot = enhanced.find('.', 2);
      const auto subject = parse_u64(enhanced.substr(2, dot - 2)),
                 detail = parse_u64(enhanced.substr(dot + 1));
      if (first && subject && detail && *subject < 1000 && *detail < 1000)
        out.enhanced = {enhanced.front() - '0', static_cast<int>(*subject), static_cast<int>(*detail)};
      line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
    }
    if (!words.empty() && !trimmed(line).empty()) words += ", ";
    words += trimmed(line);
  }
  // 421 would say that we close the connection.
  if (out.code == 421) out.code = 451;
  const int klass = out.code / 100;
  if (out.enhanced.klass != klass) out.enhanced = {klass, 7, 1};
  for (char& c : words) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (words.size() > kLongestReason) words = words.substr(0, kLongestReason) + "...";
  out.text = words.empty() ? (klass == 5 ? "refused" : "try again later") : words;
  return out;
}

Session::Session(const Envelope& envelope, std::string_view content, const mail::HeaderBlock& header,
                 std::uint64_t most_octets, Output& output)
    : envelope_(envelope), content_(content), header_(header), most_octets_(most_octets), output_(output) {}

const char* Session::step_name() const {
  switch (step_) {
    case Step::kNegotiate:
      return "negotiation";
    case Step::kConnect:
      return "connection";
    case Step::kHelo:
      return "HELO";
    case Step::kMail:
      return "MAIL";
    case Step::kRecipient:
      return "RCPT";
    case Step::kData:
      return "DATA";
    case Step::kHeader:
      return "header";
    case Step::kEndOfHeader:
      return "end of header";
    case Step::kBody:
      return "body";
    case Step::kEndOfMessage:
      return "end of message";
    case Step::kDone:
      break;
  }
  return "end";
}

void Session::send(Command command, std::string_view data) {
  output_.send(packet(command, data));
}

void Session::send_macros(Command before, const Envelope::Macros& macros) {
  std::string data(1, static_cast<char>(before));
  for (const auto& [name, value] : macros) {
    if (!value.empty()) data += with_nuls({name, value});
  }
  if (data.size() > 1) send(Command::kMacros, data);
}

void Session::start() {
  send(Command::kNegotiate, octets_of(kVersion) + octets_of(kActions) + octets_of(kSteps));
}

bool Session::unwanted() const {
  const auto asked_not_to = [this](std::uint32_t bit) { return (steps_ & bit) != 0; };
  switch (step_) {
    case Step::kConnect:
      return asked_not_to(step::kNoConnect);
    case Step::kHelo:
      return asked_not_to(step::kNoHelo) || envelope_.helo.empty();
    case Step::kMail:
      return asked_not_to(step::kNoMail);
    case Step::kRecipient:
      return asked_not_to(step::kNoRecipient);
    case Step::kData:
      return asked_not_to(step::kNoData);
    case Step::kHeader:
      return asked_not_to(step::kNoHeaders);
    case Step::kEndOfHeader:
      return asked_not_to(step::kNoEndOfHeader);
    case Step::kBody:
      return asked_not_to(step::kNoBody);
    default:
      return false;
  }
}

bool Session::silent() const {
  const auto answers_not = [this](std::uint32_t bit) { return (steps_ & bit) != 0; };
  switch (step_) {
    case Step::kConnect:
      return answers_not(step::kSilentConnect);
    case Step::kHelo:
      return answers_not(step::kSilentHelo);
    case Step::kMail:
      return answers_not(step::kSilentMail);
    case Step::kRecipient:
      return answers_not(step::kSilentRecipient);
    case Step::kData:
      return answers_not(step::kSilentData);
    case Step::kHeader:
      return answers_not(step::kSilentHeader);
    case Step::kEndOfHeader:
      return answers_not(step::kSilentEndOfHeader);
    case Step::kBody:
      return answers_not(step::kSilentBody);
    default:
      return false;
  }
}

bool Session::is_over() const {
  switch (step_) {
    case Step::kRecipient:
      return number_ >= envelope_.recipients.size();
    case Step::kHeader:
      return number_ >= header_.fields().size();
    case Step::kBody:
      return sent_ >= content_.size();
    case Step::kEndOfMessage:
    case Step::kDone:
      return false;
    default:
      return number_ > 0;
  }
}

void Session::next_step() {
  step_ = static_cast<Step>(static_cast<int>(step_) + 1);
  number_ = 0;
  if (step_ == Step::kBody) sent_ = header_.body_offset();
}

void Session::go_on() {
  for (;;) {
    while (step_ != Step::kEndOfMessage && (unwanted() || is_over())) next_step();
    if (tell()) return;
  }
}

bool Session::tell() {
  const bool answered = !silent();
  switch (step_) {
    case Step::kConnect: {
      send_macros(Command::kConnect, envelope_.at_connect);
      const std::string& ip = envelope_.client_ip;
      const std::string name = !envelope_.client_name.empty() ? envelope_.client_name : "[" + ip + "]";
      std::string data = with_nuls({name});
      if (ip.empty()) {
        data.push_back('U');
      } else {
        data.push_back(ip.find(':') != std::string::npos ? '6' : '4');
        data.push_back(static_cast<char>(envelope_.client_port >> 8));
        data.push_back(static_cast<char>(envelope_.client_port & 0xFF));
        data += with_nuls({ip});
      }
      send(Command::kConnect, data);
      break;
    }
    case Step::kHelo:
      send_macros(Command::kHelo, envelope_.at_helo);
      send(Command::kHelo, with_nuls({envelope_.helo}));
      break;
    case Step::kMail: {
      send_macros(Command::kMail, envelope_.at_mail);
      std::string data = with_nuls({in_brackets(envelope_.reverse_path)});
      for (const std::string& argument : envelope_.mail_arguments) data += with_nuls({argument});
      send(Command::kMail, data);
      break;
    }
    case Step::kRecipient: {
      const std::string& recipient = envelope_.recipients[number_];
      const auto at = recipient.rfind('@');
      const std::string host = at == std::string::npos ? "" : recipient.substr(at + 1);
      send_macros(Command::kRecipient,
                  {{"{rcpt_addr}", recipient}, {"{rcpt_host}", host}, {"{rcpt_mailer}", "essaim"}});
      send(Command::kRecipient, with_nuls({in_brackets(recipient)}));
      break;
    }
    case Step::kData:
      send_macros(Command::kData, envelope_.at_end);
      send(Command::kData);
      break;
    case Step::kHeader: {
      const mail::HeaderField& field = header_.fields()[number_];
      std::string value = with_line_feeds(field.raw_value());
      if ((steps_ & step::kLeadingSpace) == 0 && value.starts_with(' ')) value.erase(0, 1);
      send(Command::kHeader, with_nuls({field.name(), value}));
      break;
    }
    case Step::kEndOfHeader:
      send_macros(Command::kEndOfHeader, envelope_.at_end);
      send(Command::kEndOfHeader);
      break;
    case Step::kBody: {
      const std::size_t piece = std::min(kBodyPiece, content_.size() - sent_);
      output_.send(octets_of(static_cast<std::uint32_t>(piece + 1)) + static_cast<char>(Command::kBody));
      output_.send_content(sent_, piece);
      sent_ += piece;
      break;
    }
    default:
      send_macros(Command::kEndOfMessage, envelope_.at_end);
      send(Command::kEndOfMessage);
      return true;
  }
  ++number_;
  return answered;
}

Result<void> Session::receive(std::string_view bytes) {
  reader_.add(bytes);
  while (!done()) {
    auto packet = reader_.next();
    if (!packet.ok()) return packet.error();
    if (!packet->has_value()) return {};
    ESSAIM_TRY(take(**packet));
  }
  return {};
}

Result<void> Session::negotiated(std::string_view data) {
  const auto version = take_number(&data), actions = take_number(&data), steps = take_number(&data);
  if (!version || !actions || !steps) return Error{ErrorCode::kInvalid, "its negotiation is cut short"};
  if (*version < kOldest || *version > kVersion)
    return Error{ErrorCode::kInvalid, "it speaks version " + std::to_string(*version) + " of the protocol"};
  if ((*steps & ~kSteps) != 0) return Error{ErrorCode::kInvalid, "it asks for steps that it was not offered"};
  actions_ = *actions;
  steps_ = *steps;
  next_step();
  go_on();
  return {};
}

void Session::refuse(smtp::Reply reply) {
  if (step_ == Step::kRecipient && number_ > 0)
    reply.text = "<" + escaped_for_display(envelope_.recipients[number_ - 1], 200) + ">: " + reply.text;
  verdict_.reply = std::move(reply);
  end();
}

Result<void> Session::take(const Packet& packet) {
  const auto what = static_cast<Response>(packet.what);
  if (step_ == Step::kNegotiate) {
    if (what != Response::kNegotiate)
      return Error{ErrorCode::kInvalid, "it answers the negotiation by something else"};
    return negotiated(packet.data);
  }
  switch (what) {
    case Response::kContinue:
      if (step_ == Step::kEndOfMessage)
        end();
      else
        go_on();
      return {};
    case Response::kAccept:
      end();
      return {};
    case Response::kReject:
      refuse(refused());
      return {};
    // It asks to be left alone; the message is not judged.
    case Response::kShutDown:
    case Response::kConnectionFailed:
    case Response::kTemporary:
      refuse(put_off());
      return {};
    case Response::kDiscard:
      // Nothing is taken and thrown away: its sender is told.
      verdict_.left_out.emplace_back("discard");
      refuse(refused());
      return {};
    case Response::kReply: {
      std::string_view data = packet.data;
      const auto text = take_text(&data);
      auto reply = parse_reply(text.value_or(packet.data));
      if (!reply) return Error{ErrorCode::kInvalid, "its reply is none of SMTP"};
      refuse(*std::move(reply));
      return {};
    }
    case Response::kSkip:
      if (step_ != Step::kBody) return Error{ErrorCode::kInvalid, "it skips what is no body"};
      sent_ = content_.size();
      go_on();
      return {};
    case Response::kProgress:
      return {};
    default:
      break;
  }
  auto change = take_change(packet);
  if (!change.ok()) return change.error();
  if (*change) return {};
  return Error{ErrorCode::kInvalid, "it answers by \"" + escaped_for_display({&packet.what, 1}, 8) + "\""};
}

Result<bool> Session::take_change(const Packet& packet) {
  const auto what = static_cast<Response>(packet.what);
  std::string_view data = packet.data;
  std::uint32_t needs = 0;
  switch (what) {
    case Response::kAddHeader:
    case Response::kInsertHeader:
      needs = action::kAddHeaders;
      break;
    case Response::kChangeHeader:
      needs = action::kChangeHeaders;
      break;
    case Response::kReplaceBody:
      needs = action::kChangeBody;
      break;
    case Response::kQuarantine:
      needs = action::kQuarantine;
      break;
    case Response::kAddRecipient:
    case Response::kAddRecipientWithArguments:
    case Response::kDeleteRecipient:
    case Response::kChangeSender:
      break;
    default:
      return false;
  }
  if (step_ != Step::kEndOfMessage)
    return Error{ErrorCode::kInvalid, "it changes the message before its end"};
  if ((actions_ & needs) != needs)
    return Error{ErrorCode::kInvalid, "it changes what it has not said that it would"};
  octets_ += packet.data.size();
  if (octets_ > most_octets_ || verdict_.changes.size() + verdict_.left_out.size() >= kMostChanges)
    return Error{ErrorCode::kInvalid, "it makes too much of the message"};
  const auto cut_short = [] { return Error{ErrorCode::kInvalid, "its change is cut short"}; };
  switch (what) {
    case Response::kAddHeader:
    case Response::kInsertHeader:
    case Response::kChangeHeader: {
      HeaderChange change;
      if (what != Response::kAddHeader) {
        const auto index = take_number(&data);
        if (!index) return cut_short();
        change.index = *index;
        change.kind =
            what == Response::kInsertHeader ? HeaderChange::Kind::kInsert : HeaderChange::Kind::kChange;
      }
      const auto name = take_text(&data), value = take_text(&data);
      if (!name || !value) return cut_short();
      change.name = std::string(*name);
      change.value = std::string(*value);
      change.has_own_space = (steps_ & step::kLeadingSpace) != 0;
      verdict_.changes.push_back(std::move(change));
      return true;
    }
    case Response::kReplaceBody:
      if (!verdict_.body) verdict_.body.emplace();
      verdict_.body->append(data);
      return true;
    case Response::kQuarantine:
      verdict_.held = true;
      verdict_.held_because = escaped_for_display(take_text(&data).value_or(data), kLongestReason);
      return true;
    case Response::kDeleteRecipient:
      verdict_.left_out.emplace_back("delete-recipient");
      return true;
    case Response::kChangeSender:
      verdict_.left_out.emplace_back("change-sender");
      return true;
    default:
      verdict_.left_out.emplace_back("add-recipient");
      return true;
  }
}

}  // namespace essaim::smtpd::milter
