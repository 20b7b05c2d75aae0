#include "tests/delivery/client/fake_mx.h"

#include <utility>

namespace essaim::delivery::bench {

class FakeMx::Peer final : public net::Connection::Listener, public net::Disposable {
 public:
  Peer(FakeMx& mx, int fd, const net::SocketAddress& from)
      : mx_(mx), connection_(net::Connection::adopt(mx.loop_, fd, from, this)) {
    if (mx_.habits_.greeting == "-")
      connection_->close_after_flush();
    else if (!mx_.habits_.greeting.empty())
      say(mx_.habits_.greeting);
  }

  void on_data(std::string_view bytes) override {
    if (losing_) return leave();
    if (broken_) {
      say("this is no handshake at all, whatever you may think");
      return leave();
    }
    buffer_.append(bytes);
    while (!gone_) {
      if (in_data_) {
        if (mx_.habits_.stop_reading_body_after >= 0 &&
            buffer_.size() > static_cast<std::size_t>(mx_.habits_.stop_reading_body_after)) {
          connection_->pause_reading();
          return;
        }
        const std::size_t end = buffer_.starts_with(".\r\n") ? 0 : buffer_.find("\r\n.\r\n");
        if (end == std::string::npos) return;
        const std::size_t length = end == 0 ? 3 : end + 5;
        mail_.wire = buffer_.substr(0, length);
        buffer_.erase(0, length);
        in_data_ = false;
        take_dot();
        continue;
      }
      if (in_chunk_) {
        if (buffer_.size() < chunk_) return;
        mail_.wire = buffer_.substr(0, chunk_);
        buffer_.erase(0, chunk_);
        in_chunk_ = false;
        if (mail_.recipients.empty())
          say("503 5.5.1 nobody");
        else
          take_dot();
        continue;
      }
      const std::size_t end = buffer_.find("\r\n");
      if (end == std::string::npos) return;
      const std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 2);
      mx_.commands_.push_back(line);
      take(line);
    }
  }

  void on_tls_established(const net::TlsInfo& info) override {
    tls_ = true;
    if (info.resumed) ++mx_.resumed_;
  }

  void on_closed(const Error&, bool) override {
    auto self = mx_.peers_.extract(this);
    mx_.loop_.destroy_later(std::move(self.mapped()));
  }

 private:
  void say(const std::string& line) { connection_->write(line + "\r\n"); }

  void take_dot() {
    const std::string odd = mx_.habits_.answer ? mx_.habits_.answer(".") : "";
    if (odd == "-") return leave();
    if (!odd.empty()) return say(odd);
    mail_.tls = tls_;
    mx_.mails_.push_back(mail_);
    say("250 2.0.0 taken");
  }

  void leave() {
    gone_ = true;
    connection_->close_after_flush();
  }

  void take(const std::string& line) {
    const std::string odd = mx_.habits_.answer ? mx_.habits_.answer(line) : "";
    if (odd == "-") return leave();
    if (!odd.empty()) return say(odd);
    if (line.starts_with("EHLO")) {
      std::string reply = "250-mx.example\r\n";
      for (const auto& keyword : mx_.habits_.keywords) reply += "250-" + keyword + "\r\n";
      if (mx_.habits_.tls && !tls_) reply += "250-STARTTLS\r\n";
      say(reply + "250 HELP");
    } else if (line == "STARTTLS") {
      say("220 2.0.0 go");
      if (mx_.habits_.break_tls)
        broken_ = true;
      else if (mx_.habits_.lose_handshakes > 0)
        losing_ = mx_.habits_.lose_handshakes-- > 0;
      else
        connection_->start_tls_server(mx_.habits_.tls);
    } else if (line.starts_with("MAIL FROM:<")) {
      if (mx_.habits_.refuse_in_clear && !tls_) return say("530 5.7.0 STARTTLS first");
      mail_ = {};
      mail_.sender = line.substr(11, line.find('>') - 11);
      say("250 2.1.0 ok");
    } else if (line.starts_with("RCPT TO:<")) {
      mail_.recipients.push_back(line.substr(9, line.rfind('>') - 9));
      say("250 2.1.5 ok");
    } else if (line == "DATA") {
      if (mail_.recipients.empty()) return say("554 5.5.1 nobody");
      in_data_ = true;
      say("354 go");
    } else if (line.starts_with("BDAT ") && line.ends_with(" LAST")) {
      chunk_ = std::stoul(line.substr(5));
      in_chunk_ = true;
    } else if (line == "QUIT") {
      say("221 2.0.0 bye");
      leave();
    } else {
      say("250 2.0.0 ok");
    }
  }

  FakeMx& mx_;
  std::string buffer_;
  Mail mail_;
  bool in_data_ = false;
  bool in_chunk_ = false;
  std::size_t chunk_ = 0;
  bool tls_ = false;
  bool broken_ = false;
  bool losing_ = false;
  bool gone_ = false;
  std::unique_ptr<net::Connection> connection_;
};

FakeMx::FakeMx(net::EventLoop& loop, MxHabits habits)
    : loop_(loop),
      habits_(std::move(habits)),
      socket_(net::ListenSocket::bind(net::SocketAddress::parse("127.0.0.1:0").value()).value()),
      acceptor_(loop, socket_, [this](int fd, const net::SocketAddress& from) {
        ++connections_;
        auto peer = std::make_unique<Peer>(*this, fd, from);
        peers_.emplace(peer.get(), std::move(peer));
      }) {}

FakeMx::~FakeMx() = default;

}  // namespace essaim::delivery::bench
