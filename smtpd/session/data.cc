// DATA (RFC 5321 §4.1.1.4).
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

void ServerSession::do_data(std::string_view argument) {
  // RFC 2920 §3.1: DATA is the last command of a group. What stands behind it before our 354 may be a body
  // that somebody wants to be read as commands, or commands that somebody wants to hide in a body.
  if (cut_early_talk(settings_.early_talk.cut_behind_data)) return;
  if (!transaction_) return respond(bad_sequence("send MAIL first"));
  // RFC 3030 §2: a message comes by DATA or by BDAT.
  if (content_) return respond(bad_sequence("this message has begun with BDAT"));
  if (!argument.empty()) return respond(reply(501, "5.5.4", "Syntax: DATA"));
  // RFC 5321 §3.3 allows 503 and 554; with pipelining (RFC 2920 §3.1) the second says better what happened.
  if (transaction_->recipients.empty()) return respond(reply(554, "5.5.1", "No valid recipients"));
  open_content(smtp::Framing::kDot);
  send_reply(reply(354, "", "End data with <CR><LF>.<CR><LF>"));
  enter(Phase::kData);
  start_content_deadline();
}

std::size_t ServerSession::take_data(std::string_view bytes) {
  const std::size_t used = decoder_->feed(bytes, this);
  count_content(used);
  if (decoder_->done()) {
    end_of_data();
  } else if (data_octets_ > max_octets_read()) {
    current_word_ = "end of DATA";
    cut(reply(552, "5.3.4", "Endless message"));
  }
  return used;
}

void ServerSession::end_of_data() {
  current_word_ = "end of DATA";
  actions_.trace('C', "<message of " + std::to_string(message_octets_) + " octets>");
  actions_.trace('C', ".");
  end_of_content();
}

}  // namespace essaim::smtpd
