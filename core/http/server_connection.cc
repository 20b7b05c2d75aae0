#include "core/http/server_connection.h"

#include "core/base/counters.h"
#include "core/base/log.h"
#include "core/http/forwarded.h"

namespace essaim::http {

ServerConnection::ServerConnection(net::EventLoop& loop, int fd, const net::SocketAddress& peer,
                                   const ServerSettings& settings, const Routes& routes, Ended ended)
    : loop_(loop),
      settings_(settings),
      routes_(routes),
      ended_(std::move(ended)),
      peer_ip_(peer.ip()),
      parser_(settings.limits),
      since_(system_clock().mono_now()),
      alive_(std::make_shared<ServerConnection*>(this)),
      deadline_(loop, [this] { on_deadline(); }),
      connection_(net::Connection::adopt(loop, fd, peer, this)) {
  deadline_.start(settings.request_deadline);
  if (settings.tls) connection_->start_tls_server(settings.tls);
}

void ServerConnection::on_doomed() {
  ended_ = nullptr;
  alive_.reset();
  deadline_.cancel();
  if (connection_) loop_.destroy_later(std::move(connection_));
}

void ServerConnection::on_data(std::string_view bytes) {
  if (state_ == State::kClosing) return;
  if (idle()) {
    since_ = system_clock().mono_now();
    if (answered_ > 0) deadline_.start(settings_.request_deadline);
  }
  input_.append(bytes);
  read_on();
}

void ServerConnection::read_on() {
  while (state_ == State::kReading) {
    std::string_view rest = input_;
    const auto status = parser_.feed(&rest);
    input_.erase(0, input_.size() - rest.size());
    if (status == RequestParser::Status::kError) {
      request_ = parser_.partial();
      return refuse(parser_.error_status(), parser_.error_text());
    }
    if (parser_.take_continue()) connection_->write("HTTP/1.1 100 Continue\r\n\r\n");
    if (status == RequestParser::Status::kNeedMore) break;
    handle(parser_.take());
  }
  if (state_ == State::kReading && input_ended_) return close();
  // A client that sends request upon request and reads nothing is slowed down by TCP (on_drained()).
  if (state_ != State::kReading) connection_->pause_reading();
}

void ServerConnection::handle(ServerRequest request) {
  request_ = std::move(request);
  request_.client = client_of(request_);
  state_ = State::kAnswering;
  ++turn_;
  last_ = last_ || !request_.keep_alive || ++answered_ >= settings_.requests_per_connection;
  const Routes::Match match = routes_.find(request_.method, request_.path);
  log_ = match.log;
  shown_path_ = match.hidden;
  if (match.handler == nullptr) {
    ServerResponse response = error_response(match.allow.empty() ? 404 : 405);
    if (!match.allow.empty()) response.fields.emplace_back("Allow", match.allow);
    return respond(std::move(response));
  }
  deadline_.start(settings_.answer_deadline);
  (*match.handler)(request_, [&loop = loop_, weak = std::weak_ptr<ServerConnection*>(alive_),
                              turn = turn_](ServerResponse response) {
    loop.post([weak, turn, response = std::move(response)]() mutable {
      const auto self = weak.lock();
      if (!self || (*self)->turn_ != turn || (*self)->state_ != State::kAnswering) return;
      (*self)->respond(std::move(response));
    });
  });
}

// A list may come in several fields, in order.
std::string ServerConnection::client_of(const ServerRequest& request) const {
  std::vector<std::string_view> fields;
  for (const auto& f : request.fields)
    if (f.name == settings_.forwarded) fields.push_back(f.value);
  if (settings_.forwarded == "forwarded")
    return client_behind_forwarded(peer_ip_, fields, settings_.trusted_proxy);
  std::string all;
  for (const std::string_view field : fields) all.append(all.empty() ? "" : ",").append(field);
  return client_behind(peer_ip_, all, settings_.trusted_proxy);
}

void ServerConnection::respond(ServerResponse response) {
  count(response.status < 400   ? Counter::kHttpGood
        : response.status < 500 ? Counter::kHttpClient
                                : Counter::kHttpServer);
  log_access(response);
  connection_->write(to_wire(
      response, {.head = request_.method == "HEAD", .keep_alive = !last_, .now = system_clock().wall_now()}));
  request_ = {};
  ++turn_;  // a second response is none
  if (last_) return close();
  state_ = State::kSending;
  since_ = system_clock().mono_now();
  deadline_.start(settings_.response_deadline);
}

void ServerConnection::refuse(int status, const std::string& why) {
  last_ = true;
  log_ = AccessLog::kAll;
  shown_path_ = routes_.find(request_.method, request_.path).hidden;
  if (request_.client.empty()) request_.client = peer_ip_;
  respond(error_response(status, why));
}

void ServerConnection::on_drained() {
  if (state_ != State::kSending) return;
  state_ = State::kReading;
  if (input_.empty()) {
    deadline_.start(settings_.idle);
  } else {  // the next request has begun
    since_ = system_clock().mono_now();
    deadline_.start(settings_.request_deadline);
  }
  connection_->resume_reading();
  read_on();
}

// Some shut down their side behind their requests.
bool ServerConnection::on_input_ended() {
  input_ended_ = true;
  return state_ == State::kAnswering || state_ == State::kSending;
}

void ServerConnection::on_closed(const Error& reason, bool during_tls) {
  if (during_tls) log::info("http-tls-failed", {{"client", peer_ip_}, {"detail", reason.message}});
  alive_.reset();
  deadline_.cancel();
  const Ended ended = std::exchange(ended_, nullptr);
  if (ended) ended(this);
}

void ServerConnection::on_deadline() {
  switch (state_) {
    case State::kAnswering:
      last_ = true;
      return respond(error_response(503, "no answer in time"));
    case State::kReading:
      if (connection_->pending_output() == 0) {
        if (!parser_.begun()) return close();
        request_ = parser_.partial();
        return refuse(408, "the request took too long");
      }
      [[fallthrough]];  // it does not take our 100
    case State::kSending:
    case State::kClosing:
      loop_.destroy_later(std::move(connection_));
      on_closed(Error{ErrorCode::kCancelled, "stalled"}, false);
  }
}

void ServerConnection::close() {
  if (state_ == State::kClosing) return;
  state_ = State::kClosing;
  input_.clear();
  deadline_.start(settings_.response_deadline);
  connection_->close_after_flush();
}

void ServerConnection::shut_down() {
  last_ = true;
  if (reading()) close();
}

void ServerConnection::log_access(const ServerResponse& response) const {
  const bool quiet = log_ == AccessLog::kNone || (log_ == AccessLog::kFailures && response.status < 400);
  const auto level = quiet ? log::Level::kDebug : log::Level::kInfo;
  if (level < log::level()) return;
  // Without the query and what stands below a route: they may hold a token.
  const log::Field fields[] = {{"client", request_.client},
                               {"method", request_.method},
                               {"path", shown_path_.empty() ? request_.path : shown_path_},
                               {"status", response.status},
                               {"octets", static_cast<std::uint64_t>(response.body.size())},
                               {"lasted", system_clock().mono_now() - since_},
                               {"agent", request_.field("user-agent")}};
  log::write(level, "http", fields, std::size(fields));
}

}  // namespace essaim::http
