// essaim person: what is stored about somebody, and taking it away.
#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "lists/person_data.h"
#include "lists/person_erase.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/held_json.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/people.h"
#include "smtpd/cli/site.h"
#include "storage/reception.h"

namespace essaim::smtpd::cli {
namespace {

using lists::PersonData;
using lists::PersonHeld;
using lists::PersonMembership;
using storage::Role;

struct Options {
  std::string address;
  bool dry_run = false;
};

std::string role_name(Role role) {
  return role == Role::kListmaster ? "listmaster" : lists::to_string(role);
}

std::string list_name(const PersonMembership& one) {
  return one.of.empty() ? "a list or domain that was deleted" : one.of;
}

Json time_json(WallTime time) {
  return time == WallTime{} ? Json(nullptr) : Json(format_iso8601(time));
}

Json membership_json(const PersonMembership& one) {
  const storage::MemberRecord& m = one.member;
  return {{"of", one.of.empty() ? Json(nullptr) : Json(one.of)},
          {"role", role_name(m.role)},
          {"ended", one.ended},
          {"address", m.address()},
          {"name", m.name},
          {"delivery", m.has_mail()},
          {"reception", to_string(m.reception)},
          {"stopped", m.stopped.has_value()},
          {"concealed", m.conceal},
          {"privileged", m.privileged},
          {"language", m.language},
          {"since", time_json(m.since)},
          {"bounces", m.bounces},
          {"last_bounce", m.last_bounce},
          {"last_bounce_at", time_json(m.last_bounce_at)}};
}

Json as_json(const std::string& address, const PersonData& data) {
  Json memberships = Json::array(), accounts = Json::array(), departures = Json::array(),
       held = Json::array(), named = Json::array();
  for (const PersonMembership& one : data.memberships) memberships.push_back(membership_json(one));
  for (const storage::AccountRecord& one : data.accounts)
    accounts.push_back({{"name", one.name},
                        {"addresses", one.addresses},
                        {"may_relay", one.may_relay},
                        {"disabled", one.disabled},
                        {"created", time_json(one.created)},
                        {"changed", time_json(one.changed)}});
  for (const storage::DepartureRecord& one : data.departures)
    departures.push_back({{"list", one.list_address},
                          {"address", one.address},
                          {"how", one.how},
                          {"client", one.client},
                          {"left", time_json(one.left)}});
  for (const PersonHeld& one : data.held) {
    Json json = held_json(one.held);
    json["theirs"] = one.theirs;
    held.push_back(std::move(json));
  }
  for (const lists::PersonNamed& one : data.named)
    named.push_back({{"where", one.where}, {"what", one.what}});
  const storage::PersonInPosts& p = data.posts;
  return {
      {"address", address},
      {"is_list", data.is_list},
      {"memberships", memberships},
      {"accounts", accounts},
      {"departures", departures},
      {"departures_of_others", data.departures_of_others},
      {"held", held},
      {"named", named},
      {"answers", data.answers},
      {"posts", {{"written", p.written}, {"waiting", p.written_waiting}, {"with_text", p.written_with_text}}},
      {"copies",
       {{"delivered", p.delivered},
        {"failed", p.failed},
        {"suppressed", p.suppressed},
        {"waiting", p.pending},
        {"unreadable_batches", p.unreadable}}},
      {"oldest_post", time_json(p.oldest)}};
}

std::string options_of(const storage::MemberRecord& m) {
  std::string out = m.has_mail() ? "" : "no delivery";
  if (m.has_mail() && m.reception != storage::Reception::kEach) out = to_string(m.reception);
  const auto add = [&out](const std::string& what) { out += (out.empty() ? "" : ", ") + what; };
  if (m.conceal) add("concealed");
  if (m.privileged) add("privileged");
  if (!m.language.empty()) add("in " + m.language);
  if (m.bounces > 0)
    add(plural(m.bounces, "bounce") + ", the last " + show_time(m.last_bounce_at) + ": " + m.last_bounce);
  return out;
}

void print_headed(const std::string& head, const Table& table) {
  if (!table.empty()) print("\n" + head + "\n" + table.text());
}

void print_people(const PersonData& data) {
  Table memberships({"LIST", "ROLE", "SINCE", "AS", "OPTIONS"});
  for (const PersonMembership& one : data.memberships) {
    const storage::MemberRecord& m = one.member;
    memberships.add({list_name(one), role_name(m.role) + (one.ended ? ", ended" : ""), show_time(m.since),
                     m.name.empty() ? m.address() : m.name + " <" + m.address() + ">", options_of(m)});
  }
  print_headed("On lists", memberships);
  Table accounts({"ACCOUNT", "CREATED", "STATE", "ADDRESSES"});
  for (const storage::AccountRecord& one : data.accounts) {
    accounts.add(
        {one.name, show_time(one.created), one.disabled ? "disabled" : "good", joined(one.addresses)});
  }
  print_headed("Accounts", accounts);
  Table departures({"LEFT", "LIST", "HOW", "CLIENT"});
  for (const storage::DepartureRecord& one : data.departures)
    departures.add({show_time(one.left), one.list_address, one.how, one.client});
  print_headed("Lists that were left", departures);
}

void print_rest(const PersonData& data) {
  Table held({"ID", "FOR", "STATE", "LIST", "SINCE", "NAMED AS", "WHAT"});
  for (const PersonHeld& one : data.held)
    held.add({format_id(one.held.id), name_of(one.held.kind), name_of(one.held.state), one.held.list_address,
              show_time(one.held.held), one.theirs ? "theirs" : one.named_as, one.held.subject});
  print_headed("Held for somebody, or decided in the last 30 days", held);
  Table named({"WHERE", "WHAT"});
  for (const lists::PersonNamed& one : data.named) named.add({one.where, one.what});
  print_headed("Texts and settings that name them", named);
  const storage::PersonInPosts& p = data.posts;
  print("\n");
  const auto line = [](const std::string& what, const std::string& value) { print_line(what + value); };
  line("posts by them     ", std::to_string(p.written) + ", of which " + std::to_string(p.written_waiting) +
                                 " on their way, " + std::to_string(p.written_with_text) +
                                 " with their text");
  line("copies for them   ", std::to_string(p.delivered) + " delivered, " + std::to_string(p.pending) +
                                 " on their way, " + std::to_string(p.failed) + " failed, " +
                                 std::to_string(p.suppressed) + " not sent");
  if (p.unreadable > 0) line("                  ", plural(p.unreadable, "damaged batch") + " may name them");
  line("oldest of these   ", show_time(p.oldest));
  if (data.departures_of_others > 0)
    line("departures        ", std::to_string(data.departures_of_others) + " of others came about by them");
  if (data.answers > 0) line("answered lately   ", plural(data.answers, "time"));
}

Result<smtp::Address> parse(const Options& options) {
  auto address = address_of(options.address);
  if (address.ok()) return address;
  return Error{ErrorCode::kInvalid, "\"" + options.address + "\": " + address.error().message};
}

int show(const Shell& shell, Site& site, const Options& options) {
  const auto address = parse(options);
  if (!address.ok()) return shell.fail(address.error());
  const auto data = lists::read_person(site.database(), *address);
  if (!data.ok()) return shell.fail(data.error());
  const std::string text = address->to_string();
  if (shell.json) return print_json(as_json(text, *data));
  print_line(for_display(text) + (data->is_list ? ", which is a list" : ""));
  if (data->empty()) {
    print_line("nothing is stored about it in the database; the log and backups may name it");
    return kOk;
  }
  print_people(*data);
  print_rest(*data);
  print_line("\nessaim post find --sender and --recipient name the posts; the log and backups may name more");
  return kOk;
}

Json erasure_json(const std::string& address, const lists::Erasure& erasure, bool dry_run) {
  Json erased = Json::array(), left = Json::array();
  for (const lists::ErasedThing& one : erasure.erased)
    erased.push_back({{"kind", one.kind}, {"what", one.what}});
  for (const lists::LeftThing& one : erasure.left)
    left.push_back({{"kind", one.kind}, {"what", one.what}, {"why", one.why}});
  return {{"address", address},
          {"dry_run", dry_run},
          {"done", !erasure.failed.has_value()},
          {"erased", erased},
          {"left", left}};
}

int erase(const Shell& shell, Site& site, const Options& options) {
  const auto address = parse(options);
  if (!address.ok()) return shell.fail(address.error());
  const auto erasure =
      lists::erase_person(site.database(), system_clock().wall_now(), *address, options.dry_run);
  if (!erasure.ok()) return shell.fail(erasure.error());
  const std::string text = address->to_string();
  if (shell.json) {
    print_json(erasure_json(text, *erasure, options.dry_run));
  } else {
    if (erasure->erased.empty())
      print_line("nothing of " + for_display(text) + (options.dry_run ? " would go" : " was to go"));
    for (const lists::ErasedThing& one : erasure->erased)
      print_line((options.dry_run ? "would go: " : "gone: ") + for_display(one.what) +
                 (one.kind == "held" || one.kind == "account" ? " (" + one.kind + ")" : ""));
    for (const lists::LeftThing& one : erasure->left)
      print_line("stays: " + for_display(one.kind + ", " + one.what + ": " + one.why));
  }
  if (!erasure->failed) return kOk;
  return shell.fail({erasure->failed->code, erasure->failed->message + "; run it again for the rest"});
}

}  // namespace

void add_person(Shell& shell) {
  CLI::App* noun = shell.noun("person", "what is stored about somebody, and taking it away");
  auto o = std::make_shared<Options>();
  const auto verb = [&](const char* name, const char* help, const char* examples,
                        int (*run)(const Shell&, Site&, const Options&)) {
    CLI::App* app = shell.verb(noun, name, help, examples, [&shell, o, run] {
      return with_site(shell, [&](Site& site) { return run(shell, site, *o); });
    });
    app->add_option("ADDRESS", o->address, "who")->required();
    return app;
  };
  verb("show", "all that the database has about an address",
       "  essaim person show ann@example.org\n  essaim person show ann@example.org --json", show);
  verb("erase",
       "take away what the database has about an address, and say what stays and why; its memberships and "
       "roles end, its account goes, and nobody is told",
       "  essaim person erase ann@example.org --dry-run\n  essaim person erase ann@example.org", erase)
      ->add_flag("--dry-run", o->dry_run, "only say what would go and what would stay");
}

}  // namespace essaim::smtpd::cli
