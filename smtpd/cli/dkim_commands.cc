// essaim dkim: the keys that sign what goes out.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "core/base/log.h"
#include "core/smtp/idn.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/dkim_keys.h"
#include "smtpd/operate/key_ring.h"
#include "smtpd/operate/user.h"

namespace essaim::smtpd::cli {
namespace {

using operate::KeyCheck;
using storage::DkimKeyRecord;
using storage::DkimKeyState;

struct Arguments {
  std::string domain, selector, algorithm = "rsa";
  bool secret_lost = false;
};

// The secret at hand, for what only looks: that it cannot be read is told, and keeps nothing from being shown.
class Secret {
 public:
  explicit Secret(const Settings& settings) {
    auto seal = operate::open_seal(settings);
    if (seal.ok())
      seal_ = *std::move(seal);
    else
      problem_ = seal.error().message;
  }
  const std::optional<mailauth::KeySeal>& seal() const { return seal_; }
  bool opens(const DkimKeyRecord& key) const { return operate::open_key(seal_, key).ok(); }
  bool is_another(const DkimKeyRecord& key) const { return seal_ && !opens(key); }
  // For a column, and for "opens" of JSON: null without a secret.
  std::string words(const DkimKeyRecord& key) const {
    if (!seal_) return "not at hand";
    return opens(key) ? "opens it" : "another";
  }
  Json as_json(const DkimKeyRecord& key) const { return seal_ ? Json(opens(key)) : Json(nullptr); }
  // Below a table, about the words in it.
  void explain(const std::vector<const DkimKeyRecord*>& keys) const {
    if (!seal_)
      return print_line("the secret of the keys is not at hand here" +
                        (problem_.empty() ? std::string() : ": " + for_display(problem_)) +
                        "; whether it opens them cannot be told");
    for (const DkimKeyRecord* key : keys)
      if (key->state != DkimKeyState::kRetired && !key->of_deleted_domain && is_another(*key))
        return print_line(
            "another: the key was made with another secret than the one at hand; a node that has this one "
            "cannot sign with it (authentication.md, Keys and signing)");
  }

 private:
  std::optional<mailauth::KeySeal> seal_;
  std::string problem_;
};

Json as_json(const DkimKeyRecord& key) {
  Json out;
  out["domain"] = key.domain;
  out["selector"] = key.selector;
  out["algorithm"] = key.algorithm;
  out["state"] = operate::to_string(key.state);
  out["domain_deleted"] = key.of_deleted_domain;
  out["created"] = format_iso8601(key.created);
  out["changed"] = format_iso8601(key.changed);
  out["name"] = key.selector + "._domainkey." + key.domain;
  out["record"] = key.record;
  return out;
}

// Of a domain that is gone the state says what a key was, and would be again.
std::string state_of(const DkimKeyRecord& key) {
  return operate::to_string(key.state) + std::string(key.of_deleted_domain ? ", domain deleted" : "");
}

// Below a table.
void explain_deleted(const std::vector<const DkimKeyRecord*>& keys) {
  for (const DkimKeyRecord* key : keys)
    if (key->of_deleted_domain)
      return print_line("domain deleted: the key signs nothing; forget it with: essaim dkim delete " +
                        key->domain + " " + key->selector);
}

Json as_json(const std::vector<DkimKeyRecord>& keys) {
  Json out = Json::array();
  for (const DkimKeyRecord& key : keys) out.push_back(as_json(key));
  return out;
}

Result<std::vector<DkimKeyRecord>> keys_of(Site& site, const std::string& domain) {
  return site.read(
      [&](storage::Connection& connection) { return storage::DkimStore(connection).keys(domain); });
}

Result<mailauth::KeySeal> seal_of(Site& site) {
  auto seal = operate::open_seal(site.settings());
  if (!seal.ok()) return seal.error();
  ESSAIM_TRY(operate::require_private(site.settings().authentication.key_file, site.settings().user));
  if (!seal->has_value())
    return Error{ErrorCode::kInvalid,
                 "there is no secret to seal keys with: set \"authentication.key_file\" to a file that has "
                 "it (install -g essaim -m 0640 /dev/null FILE; head -c 32 /dev/urandom | base64 > FILE). "
                 "Where the service has it as the credential dkim-secret: this shell has no such credential, "
                 "and systemd-run --pipe --wait -p LoadCredential=dkim-secret:FILE essaim ... gives it one"};
  return **seal;
}

void note(const char* verb, const std::string& domain, const std::string& selector) {
  log::info("dkim-key", {{"verb", verb}, {"domain", domain}, {"selector", selector}});
}

int say_new(const Shell& shell, const std::vector<DkimKeyRecord>& keys) {
  for (const DkimKeyRecord& key : keys) note("create", key.domain, key.selector);
  if (shell.json) return print_json(as_json(keys));
  print_line("publish, then it signs as soon as it is seen there (essaim dkim check):");
  for (const DkimKeyRecord& key : keys) print_line(operate::zone_record(key));
  return kOk;
}

int create(const Shell& shell, Site& site, const Arguments& a) {
  operate::NewKey key{a.domain, a.selector, mailauth::Algorithm::kRsaSha256};
  if (a.algorithm == "ed25519") {
    key.algorithm = mailauth::Algorithm::kEd25519Sha256;
  } else if (a.algorithm != "rsa") {
    return shell.fail_usage("--algorithm: \"" + a.algorithm + "\" is neither rsa nor ed25519");
  }
  auto seal = seal_of(site);
  if (!seal.ok()) return shell.fail(seal.error());
  auto made = operate::create_key(site.database(), *seal, key, system_clock().wall_now());
  if (!made.ok()) return shell.fail(made.error());
  return say_new(shell, {*made});
}

int rotate(const Shell& shell, Site& site, const Arguments& a) {
  auto seal = seal_of(site);
  if (!seal.ok()) return shell.fail(seal.error());
  auto made = operate::rotate_keys(site.database(), *seal, a.domain, system_clock().wall_now());
  if (!made.ok()) return shell.fail(made.error());
  return say_new(shell, *made);
}

int list(const Shell& shell, Site& site, const Arguments& a) {
  auto keys = keys_of(site, a.domain);
  if (!keys.ok()) return shell.fail(keys.error());
  const Secret secret(site.settings());
  Json json = Json::array();
  Table table({"DOMAIN", "SELECTOR", "ALGORITHM", "STATE", "SINCE", "SECRET"});
  std::vector<const DkimKeyRecord*> shown;
  for (const DkimKeyRecord& key : *keys) {
    Json line = as_json(key);
    line["opens"] = secret.as_json(key);
    json.push_back(std::move(line));
    table.add(
        {key.domain, key.selector, key.algorithm, state_of(key), show_time(key.changed), secret.words(key)});
    shown.push_back(&key);
  }
  if (shell.json) return print_json(json);
  if (table.empty()) {
    print_line("no keys yet; make one with: essaim dkim create DOMAIN");
  } else {
    print(table.text());
    secret.explain(shown);
    explain_deleted(shown);
  }
  return kOk;
}

int show(const Shell& shell, Site& site, const Arguments& a) {
  auto keys = keys_of(site, a.domain);
  if (!keys.ok()) return shell.fail(keys.error());
  if (!a.selector.empty())
    std::erase_if(*keys, [&](const DkimKeyRecord& key) { return key.selector != a.selector; });
  if (keys->empty()) return shell.fail({ErrorCode::kNotFound, "there is no such key of " + a.domain});
  if (shell.json) return print_json(as_json(*keys));
  for (const DkimKeyRecord& key : *keys) {
    print_line(key.selector + ": " + key.algorithm + ", " + state_of(key) + " since " +
               show_time(key.changed));
    print_line(operate::zone_record(key));
  }
  return kOk;
}

std::string words_of(const KeyCheck& check, WallTime now) {
  // One that was seen together with its successor may be retired already.
  if (check.activated && check.key.state == DkimKeyState::kActive) return "published; it signs from now on";
  if (!check.published) return check.problem;
  if (!check.withheld.empty()) return "published; " + check.withheld;
  if (check.key.state != DkimKeyState::kRetired) return "published";
  return now - check.key.changed > operate::kDkimOverlap
             ? "published, needed no more: remove the record, then the key"
             : "published, needed until what it signed has arrived";
}

int check(const Shell& shell, Site& site, const Arguments& a) {
  const WallTime now = system_clock().wall_now();
  const Secret secret(site.settings());
  auto checks = operate::check_keys(site.database(), secret.seal(), a.domain,
                                    operate::dns_lookup(site.settings()), now);
  if (!checks.ok()) return shell.fail(checks.error());
  bool good = !checks->empty();
  Json json = Json::array();
  Table table({"DOMAIN", "SELECTOR", "STATE", "SECRET", "RECORD"});
  std::vector<const DkimKeyRecord*> shown;
  for (const KeyCheck& one : *checks) {
    good = good && ((one.published && !secret.is_another(one.key)) || one.key.of_deleted_domain ||
                    one.key.state == DkimKeyState::kRetired);
    Json line = as_json(one.key);
    line["published"] = one.published;
    line["problem"] = one.problem;
    line["activated"] = one.activated;
    line["withheld"] = one.withheld;
    line["opens"] = secret.as_json(one.key);
    json.push_back(std::move(line));
    table.add(
        {one.key.domain, one.key.selector, state_of(one.key), secret.words(one.key), words_of(one, now)});
    shown.push_back(&one.key);
  }
  if (shell.json) {
    print_json(json);
  } else if (table.empty()) {
    print_line("no keys");
  } else {
    print(table.text());
    secret.explain(shown);
    explain_deleted(shown);
  }
  return good ? kOk : kFailed;
}

int remove(const Shell& shell, Site& site, const Arguments& a) {
  std::optional<mailauth::KeySeal> of_today;
  if (a.secret_lost) {
    auto seal = seal_of(site);
    if (!seal.ok()) return shell.fail(seal.error());
    of_today = *std::move(seal);
  }
  const auto removed =
      operate::delete_key(site.database(), a.domain, a.selector, of_today ? &*of_today : nullptr);
  if (!removed.ok()) return shell.fail(removed.error());
  note("delete", a.domain, a.selector);
  return shell.done("key " + a.selector + " of " + a.domain + " deleted", "{\"changed\":true}");
}

}  // namespace

void add_dkim(Shell& shell) {
  CLI::App* noun = shell.noun("dkim", "keys that sign what goes out");
  auto a = std::make_shared<Arguments>();
  const auto verb = [&](const char* name, const char* help, const char* examples,
                        int (*run)(const Shell&, Site&, const Arguments&)) {
    return shell.verb(noun, name, help, examples, [&shell, a, run] {
      return with_site(shell, [&](Site& site) { return run(shell, site, *a); });
    });
  };
  const auto domain = [&](CLI::App* app) {
    return app->add_option("DOMAIN", a->domain, "as lists.example.org")
        ->transform([](const std::string& text) { return smtp::kept_domain(text); });
  };

  CLI::App* made =
      verb("create", "make a key and print the record to publish; it signs when the record is seen",
           "  essaim dkim create lists.example.org\n"
           "  essaim dkim create lists.example.org --algorithm ed25519 --selector e2026",
           create);
  domain(made)->required();
  made->add_option("--selector", a->selector, "name of the key in DNS; default: of the date");
  made->add_option("--algorithm", a->algorithm, "rsa (2048 bits) or ed25519 (beside it)")->type_name("KIND");
  domain(verb("list", "the keys and whether they sign",
              "  essaim dkim list\n  essaim dkim list lists.example.org", list));
  CLI::App* shown = verb("show", "the records to publish", "  essaim dkim show lists.example.org", show);
  domain(shown)->required();
  shown->add_option("SELECTOR", a->selector, "only this key");
  domain(verb("rotate", "make the next key of each kind; the present one signs until the next is seen in DNS",
              "  essaim dkim rotate lists.example.org", rotate))
      ->required();
  domain(verb("check", "compare with DNS; new keys whose record is there begin to sign",
              "  essaim dkim check", check));
  CLI::App* deleted = verb("delete", "forget a key that does not sign",
                           "  essaim dkim delete lists.example.org 20261128r", remove);
  domain(deleted)->required();
  deleted->add_option("SELECTOR", a->selector, "of the key")->required();
  deleted->add_flag("--secret-lost", a->secret_lost,
                    "also one that signs, if the secret of today does not open it");
}

}  // namespace essaim::smtpd::cli
