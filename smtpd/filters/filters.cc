#include "smtpd/filters/filters.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "core/base/counters.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/base/timings.h"
#include "core/net/connection.h"
#include "core/net/socket_address.h"
#include "smtpd/settings/filter_table.h"

namespace essaim::smtpd {
namespace {

bool looks_at(const FilterSettings& filter, ListenerRole role) {
  return (role == ListenerRole::kMx && filter.mx) || (is_submission(role) && filter.submission);
}

smtp::Reply shutting_down() {
  return smtp::reply(421, "4.3.2", "The server is shutting down");
}

smtp::Reply cannot_be_asked(const std::string& name) {
  return smtp::reply(451, "4.7.1", "the filter " + name + " cannot be asked; try again later");
}

}  // namespace

// What all messages of a loop share.
struct Filters::Place {
  explicit Place(net::EventLoop& l) : loop(l) {}
  struct Filter {
    std::size_t open = 0;  // connections
    std::deque<Chain*> waiting;
    std::size_t address = 0;  // that answered last
    MonoTime asked_again{};   // no address took a connection: not before then
  };
  net::EventLoop& loop;
  std::size_t loops = 1;
  Duration most_for_all = kMostForAll;
  std::map<std::string, Filter> filters;
  std::map<Chain*, std::shared_ptr<Chain>> under_way;
  bool given_up = false;
};

class Filters::Chain final : public std::enable_shared_from_this<Filters::Chain>,
                             private net::Connection::Listener,
                             private milter::Session::Output {
 public:
  Chain(std::shared_ptr<Place> place, std::shared_ptr<const Table> table, ListenerRole role, Id id,
        std::shared_ptr<const milter::Envelope> envelope, std::string content, std::uint64_t most_octets,
        std::function<void(Filtered)> done)
      : place_(std::move(place)),
        table_(std::move(table)),
        role_(role),
        id_(id),
        envelope_(std::move(envelope)),
        content_(std::make_shared<std::string>(std::move(content))),
        most_octets_(most_octets),
        done_(std::move(done)),
        deadline_(place_->loop, [this] { out_of_time(); }),
        answer_(place_->loop, [this] { no_answer(); }) {}

  void start() {
    place_->under_way.emplace(this, shared_from_this());
    if (place_->given_up) return give_up();
    deadline_.start(place_->most_for_all);
    next_filter();
  }

  void give_up() { finish(shutting_down(), "shutdown"); }

 private:
  const FilterSettings& filter() const { return (*table_)[number_]; }
  Place::Filter& shared() { return place_->filters[filter().name]; }
  MonoTime now() const { return system_clock().mono_now(); }

  void next_filter() {
    while (number_ < table_->size() && !looks_at(filter(), role_)) ++number_;
    if (number_ == table_->size()) return finish({}, "");
    auto header = mail::HeaderBlock::parse(*content_);
    if (!header.ok()) return finish({}, "");
    header_ = *std::move(header);
    if (is_late_) return trouble("there is no time left for it");
    const auto most =
        std::max<std::size_t>(1, static_cast<std::size_t>(filter().connections) / place_->loops);
    waits_ = shared().open >= most;
    if (waits_) {
      shared().waiting.push_back(this);
      return;
    }
    begin();
  }

  void begin() {
    ++shared().open;
    has_place_ = true;
    began_ = now();
    tried_ = 0;
    last_error_.clear();
    none_connects_ = true;
    if (shared().asked_again > now()) return trouble("none of its addresses takes connections");
    try_address();
  }

  const std::string& address() {
    const auto& all = filter().addresses;
    return all[(shared().address + tried_) % all.size()];
  }

  void try_address() {
    auto address = parse_filter_address(this->address());
    ESSAIM_CHECK(address.ok());  // the settings were checked
    connected_ = false;
    connection_ = net::Connection::connect(place_->loop, *address, {}, this);
    answer_.start(kConnectTimeout);
  }

  // net::Connection::Listener
  void on_connected() override {
    connected_ = true;
    none_connects_ = false;
    milter::Session::Output& output = *this;
    session_.emplace(*envelope_, *content_, *header_, most_octets_, output);
    answer_.start(filter().timeout);
    session_->start();
  }
  void on_data(std::string_view bytes) override {
    answer_.start(filter().timeout);
    if (auto took = session_->receive(bytes); !took.ok()) return failed(took.error().message);
    if (session_->done()) conclude(session_->take_verdict());
  }
  void on_closed(const Error& reason, bool) override { failed(reason.message); }

  // milter::Session::Output
  void send(std::string_view bytes) override { connection_->write(bytes); }
  void send_content(std::size_t offset, std::size_t length) override {
    connection_->write_shared(content_, offset, length);
  }

  void no_answer() {
    failed(connected_ ? "no answer within " + format_duration(filter().timeout)
                      : "no connection within " + format_duration(kConnectTimeout));
  }

  bool waits_for(const std::string& name) const { return waits_ && !ended_ && filter().name == name; }

  void out_of_time() {
    is_late_ = true;
    if (waits_) return trouble("it was busy with other messages for too long");
    tried_ = filter().addresses.size();
    failed("all of it took longer than " + format_duration(place_->most_for_all));
  }

  void failed(const std::string& why) {
    log::warning("mail-filter-failed", {{"id", format_id(id_)},
                                        {"filter", filter().name},
                                        {"address", address()},
                                        {"at", session_ ? session_->step_name() : "connect"},
                                        {"error", why}});
    last_error_ = why;
    hang_up();
    if (++tried_ < filter().addresses.size()) return try_address();
    if (none_connects_) shared().asked_again = now() + kAskedAgain;
    trouble("none of its addresses has an answer");
  }

  void hang_up() {
    answer_.cancel();
    session_.reset();
    if (connection_) place_->loop.destroy_later(std::move(connection_));
  }

  // Whoever waits for a place of this filter has it.
  void leave_filter() {
    hang_up();
    Place::Filter& shared = this->shared();
    if (std::exchange(waits_, false)) std::erase(shared.waiting, this);
    if (!std::exchange(has_place_, false)) return;
    --shared.open;
    wake_next(place_, filter().name);
  }

  static void wake_next(const std::shared_ptr<Place>& place, const std::string& name) {
    auto& waiting = place->filters[name].waiting;
    if (waiting.empty()) return;
    Chain* const next = waiting.front();
    waiting.pop_front();
    place->loop.post([place, next, name] {
      // Its time may have been over meanwhile: then it has ended, or is at the next filter.
      const auto found = place->under_way.find(next);
      if (found == place->under_way.end() || !found->second->waits_for(name)) return wake_next(place, name);
      found->second->next_filter();
    });
  }

  void trouble(const std::string& why) {
    const FilterSettings& filter = this->filter();
    count(Counter::kFilterTrouble);
    log::warning("mail-unfiltered", {{"id", format_id(id_)},
                                     {"filter", filter.name},
                                     {"why", why},
                                     {"message", filter.pass_when_down ? "passes" : "put off"}});
    leave_filter();
    if (!filter.pass_when_down) {
      out_.unanswered = last_error_.empty() ? why : last_error_;
      return finish(cannot_be_asked(filter.name), "filter:" + filter.name);
    }
    ++number_;
    next_filter();
  }

  void conclude(milter::Verdict verdict) {
    connection_->write(milter::packet(milter::Command::kQuit));
    connection_->flush();
    Place::Filter& shared = this->shared();
    shared.address = (shared.address + tried_) % filter().addresses.size();
    note_time(Timing::kFilter, now() - began_);
    tell(verdict);
    const std::string name = filter().name;
    if (verdict.reply.code != 0) {
      count(verdict.reply.permanent() ? Counter::kFilterRefused : Counter::kFilterDeferred);
      return finish(std::move(verdict.reply), "filter:" + name);
    }
    if (!verdict.changes.empty() || verdict.body) {
      auto made = changed(*content_, verdict.changes, verdict.body ? &*verdict.body : nullptr);
      if (!made.ok()) {
        log::warning(
            "mail-filter-failed",
            {{"id", format_id(id_)}, {"filter", name}, {"at", "changes"}, {"error", made.error().message}});
        return trouble("what it makes of the message is none");
      }
      for (const std::string& why : made->left_out)
        log::warning("mail-filter-change-not-made", {{"id", format_id(id_)}, {"filter", name}, {"why", why}});
      move_places(made->places);
      content_ = std::make_shared<std::string>(std::move(made->content));
      out_.body_changed = out_.body_changed || verdict.body.has_value();
    }
    if (verdict.held && out_.held_by.empty()) {
      out_.held_by = name;
      out_.held_because = verdict.held_because;
    }
    count(verdict.held ? Counter::kFilterHeld : Counter::kFilterPassed);
    leave_filter();
    ++number_;
    next_filter();
  }

  void tell(const milter::Verdict& verdict) {
    std::string left_out;
    for (const std::string& one : verdict.left_out) left_out += (left_out.empty() ? "" : ", ") + one;
    const char* const became = verdict.reply.permanent() ? "refused"
                               : verdict.reply.code != 0 ? "put off"
                               : verdict.held            ? "held"
                                                         : "passes";
    log::info("mail-filtered", {{"id", format_id(id_)},
                                {"filter", filter().name},
                                {"message", became},
                                {"reply", verdict.reply.code != 0 ? verdict.reply.to_string() : ""},
                                {"because", verdict.held_because},
                                {"changes", static_cast<std::int64_t>(verdict.changes.size())},
                                {"body_changed", verdict.body.has_value()},
                                {"not_done", left_out},
                                {"took", now() - began_}});
  }

  void move_places(const std::vector<std::optional<std::size_t>>& moved) {
    if (!out_.places) {
      out_.places = moved;
      return;
    }
    for (std::optional<std::size_t>& place : *out_.places)
      if (place) place = moved[*place];
  }

  void finish(smtp::Reply reply, std::string rule) {
    if (std::exchange(ended_, true)) return;
    if (number_ < table_->size()) leave_filter();
    deadline_.cancel();
    out_.reply = std::move(reply);
    out_.rule = std::move(rule);
    // On a later turn, when no connection has a hold on the content.
    place_->loop.post([self = shared_from_this()] {
      self->place_->under_way.erase(self.get());
      self->out_.content = self->content_.use_count() == 1 ? std::move(*self->content_) : *self->content_;
      self->done_(std::move(self->out_));
    });
  }

  const std::shared_ptr<Place> place_;
  const std::shared_ptr<const Table> table_;
  const ListenerRole role_;
  const Id id_;
  const std::shared_ptr<const milter::Envelope> envelope_;
  std::shared_ptr<std::string> content_;
  const std::uint64_t most_octets_;
  const std::function<void(Filtered)> done_;
  net::Timer deadline_, answer_;
  Filtered out_;
  std::size_t number_ = 0;  // of the filter
  std::optional<mail::HeaderBlock> header_;
  std::unique_ptr<net::Connection> connection_;
  std::optional<milter::Session> session_;
  MonoTime began_{};
  std::size_t tried_ = 0;   // addresses
  std::string last_error_;  // of one of them
  bool connected_ = false, none_connects_ = true;
  bool waits_ = false, has_place_ = false, is_late_ = false, ended_ = false;
};

Filters::Filters(std::vector<net::EventLoop*> loops, std::uint64_t most_octets,
                 std::vector<FilterSettings> filters, Duration most_for_all)
    : most_octets_(most_octets), table_(std::make_shared<const Table>(std::move(filters))) {
  for (net::EventLoop* loop : loops) {
    places_.push_back(std::make_shared<Place>(*loop));
    places_.back()->loops = loops.size();
    places_.back()->most_for_all = most_for_all;
  }
}

std::shared_ptr<const Filters::Table> Filters::table() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

void Filters::configure(std::vector<FilterSettings> filters) {
  auto table = std::make_shared<const Table>(std::move(filters));
  const std::lock_guard lock(mutex_);
  table_ = std::move(table);
}

bool Filters::any_for(ListenerRole role) const {
  const auto table = this->table();
  return std::any_of(table->begin(), table->end(),
                     [role](const FilterSettings& filter) { return looks_at(filter, role); });
}

void Filters::check(ListenerRole role, Id id, std::shared_ptr<const milter::Envelope> envelope,
                    std::string content, std::function<void(Filtered)> done) {
  const auto place = places_[next_++ % places_.size()];
  place->loop.post([place, table = table(), role, id, envelope = std::move(envelope),
                    content = std::make_shared<std::string>(std::move(content)), most = most_octets_,
                    done = std::move(done)] {
    std::make_shared<Chain>(place, table, role, id, envelope, std::move(*content), most, done)->start();
  });
}

void Filters::give_up() {
  for (const auto& place : places_) {
    place->loop.post([place] {
      place->given_up = true;
      const auto all = place->under_way;
      for (const auto& [chain, kept] : all) chain->give_up();
    });
  }
}

}  // namespace essaim::smtpd
