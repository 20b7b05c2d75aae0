#include "smtpd/settings/submission_table.h"

#include <algorithm>

#include "core/base/text.h"
#include "smtpd/settings/checks.h"

namespace essaim::smtpd {
namespace {

using config::Type;

constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kMinute = 60 * kSecond;

std::string must_be_mechanism(const std::string& text) {
  if (sasl::parse_mechanism(text)) return "";
  std::string all;
  for (const sasl::Mechanism one : sasl::all_mechanisms())
    all += (all.empty() ? "" : ", ") + std::string(sasl::to_string(one));
  return "must be one of " + all;
}

std::string must_be_ldap_url(const std::string& url) {
  return url.starts_with("ldap://") || url.starts_with("ldaps://") || url.starts_with("ldapi://")
             ? ""
             : "must begin with ldap://, ldaps:// or ldapi://";
}

std::string must_be_web_url(const std::string& url) {
  return url.starts_with("https://") || url.starts_with("http://") ? "" : "must begin with https://";
}

std::string must_have_name(const std::string& text) {
  return text.find("{name}") != std::string::npos ? ""
                                                  : "must hold {name}, where the name of the account goes";
}

void add_submission(config::Schema* schema) {
  schema->sections.push_back(
      {"submission", "Mail from those who log in, on listeners of role \"submission\" and \"submissions\".",
       false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "submission.mechanisms",
           .type = Type::kStrings,
           .help =
               "SASL mechanisms that are offered, all of them only under TLS. Without it: "
               "SCRAM-SHA-256-PLUS and SCRAM-SHA-256 where ldap.url is not set, PLAIN and LOGIN, EXTERNAL "
               "where client_ca is set, and OAUTHBEARER where oauth.url or oauth.jwks_url is. Many "
               "clients take SCRAM where they see it, and nobody gets in by it whose account has no "
               "password for it: those of a directory, and those made with --no-scram.",
           .example = "SCRAM-SHA-256-PLUS, SCRAM-SHA-256",
           .reloadable = true,
           .check = must_be_mechanism},
          {.name = "submission.hide_client",
           .type = Type::kBool,
           .default_value = "true",
           .help = "Whether name and address of the author's machine are left out of the Received field."},
          {.name = "submission.login_failures",
           .type = Type::kInteger,
           .default_value = "10",
           .help = "Wrong passwords for an account from a network (/24, or /56 of IPv6) in ten to twenty "
                   "minutes, over all nodes; beyond them its logins from there are put off.",
           .unit = "failures",
           .minimum = 1,
           .maximum = 10'000,
           .reloadable = true},
          {.name = "submission.network_failures",
           .type = Type::kInteger,
           .default_value = "100",
           .help = "The same for all accounts together.",
           .unit = "failures",
           .minimum = 1,
           .maximum = 1'000'000,
           .reloadable = true},
          {.name = "submission.remember_passwords",
           .type = Type::kDuration,
           .default_value = "5m",
           .help =
               "How long a password that was right is not verified anew: for programs that log in for each "
               "message. Only a keyed hash of it is kept, in memory; a change of the account holds at once, "
               "on all nodes. 0s: never.",
           .maximum = 60 * kMinute,
           .reloadable = true},
          {.name = "submission.threads",
           .type = Type::kInteger,
           .default_value = "2",
           .help = "Threads that verify passwords; each login takes some hundredths of a second of one. As "
                   "many "
                   "more ask the directory.",
           .unit = "threads",
           .minimum = 1,
           .maximum = 64},
          {.name = "submission.relay_recipients",
           .type = Type::kInteger,
           .default_value = "100",
           .help = "Recipients outside in one transaction of an account that may relay; each gets a message "
                   "and a ledger of its own.",
           .unit = "recipients",
           .minimum = 1,
           .maximum = 1'000,
           .reloadable = true},
      });
}

void add_ldap(config::Schema* schema) {
  schema->sections.push_back(
      {"ldap", "A directory that knows passwords (simple bind), beside the accounts of the database.", true});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "ldap.url",
           .help = "The server. Without it there is no directory.",
           .example = "ldap://ldap.example.org",
           .reloadable = true,
           .check = must_be_ldap_url},
          {.name = "ldap.starttls",
           .type = Type::kBool,
           .default_value = "false",
           .help = "TLS on ldap://. Passwords go over this connection.",
           .reloadable = true},
          {.name = "ldap.ca_file",
           .help = "PEM file of the authorities for its certificate. Without it, those of the system.",
           .example = "/etc/essaim/ldap-ca.pem",
           .reloadable = true,
           .check = must_be_absolute},
          {.name = "ldap.bind_dn",
           .help = "The entry of an account, as whom it binds. Without it, it is searched for.",
           .example = "uid={name},ou=people,dc=example,dc=org",
           .reloadable = true,
           .check = must_have_name},
          {.name = "ldap.base",
           .help = "Where it is searched for.",
           .example = "ou=people,dc=example,dc=org",
           .reloadable = true},
          {.name = "ldap.filter",
           .default_value = "(uid={name})",
           .help = "What it is searched by; exactly one entry must fit.",
           .reloadable = true,
           .check = must_have_name},
          {.name = "ldap.search_dn",
           .help = "Who searches. Without it, anonymously.",
           .example = "cn=essaim,dc=example,dc=org",
           .reloadable = true},
          {.name = "ldap.search_password_file",
           .help = "File whose first line is the password for search_dn; root:essaim, 0640.",
           .example = "/etc/essaim/ldap.password",
           .reloadable = true,
           .check = must_be_absolute},
          {.name = "ldap.mail_attribute",
           .default_value = "mail",
           .help = "Attribute of the entry that holds the addresses it may send as.",
           .reloadable = true},
          {.name = "ldap.may_relay",
           .type = Type::kBool,
           .default_value = "false",
           .help = "Whether those who are only in the directory may send to everywhere.",
           .reloadable = true},
          {.name = "ldap.timeout",
           .type = Type::kDuration,
           .default_value = "5s",
           .help = "For each step. When it is over, the client is told to come again.",
           .minimum = 100,
           .maximum = kMinute,
           .reloadable = true},
      });
}

void add_oauth(config::Schema* schema) {
  schema->sections.push_back({"oauth",
                              "Tokens instead of passwords (OAUTHBEARER, RFC 7628): what they stand for is "
                              "asked at \"url\", or they say it "
                              "themselves, signed by a key at \"jwks_url\".",
                              true});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "oauth.url",
           .help =
               "Introspection endpoint of the authorization server (RFC 7662): it is asked about each token.",
           .example = "https://id.example.org/introspect",
           .reloadable = true,
           .check = must_be_web_url},
          {.name = "oauth.client_id", .help = "As whom we ask.", .example = "essaim", .reloadable = true},
          {.name = "oauth.secret_file",
           .help = "File whose first line is the secret of client_id; root:essaim, 0640.",
           .example = "/etc/essaim/oauth.secret",
           .reloadable = true,
           .check = must_be_absolute},
          {.name = "oauth.jwks_url",
           .help = "The server's keys (RFC 7517). Tokens are then JSON Web Tokens, signed with RS256, ES256 "
                   "or EdDSA, and "
                   "judged here; one that the server calls back is good until its time is over.",
           .example = "https://id.example.org/jwks.json",
           .reloadable = true,
           .check = must_be_web_url},
          {.name = "oauth.issuer",
           .help = "With jwks_url: what must stand in the token as \"iss\".",
           .example = "https://id.example.org",
           .reloadable = true},
          {.name = "oauth.audience",
           .help = "With jwks_url: for whom the token must be made, \"aud\".",
           .example = "smtp.example.org",
           .reloadable = true},
          {.name = "oauth.ca_file",
           .help = "PEM file of the authorities for its certificate. Without it, those of the system.",
           .example = "/etc/essaim/oauth-ca.pem",
           .reloadable = true,
           .check = must_be_absolute},
          {.name = "oauth.claim",
           .default_value = "username",
           .help = "Member of the answer, or of the token, that names the account; \"sub\" or \"email\" as a "
                   "rule in tokens.",
           .reloadable = true},
          {.name = "oauth.scope",
           .help = "What a token must be good for. Without it, anything.",
           .example = "smtp",
           .reloadable = true},
          {.name = "oauth.timeout",
           .type = Type::kDuration,
           .default_value = "10s",
           .help = "For the answer. When it is over, the client is told to come again.",
           .minimum = 100,
           .maximum = kMinute,
           .reloadable = true},
      });
}

}  // namespace

void add_submission_settings(config::Schema* schema) {
  add_submission(schema);
  add_ldap(schema);
  add_oauth(schema);
}

SubmissionSettings read_submission(const config::View& v) {
  SubmissionSettings out;
  for (const std::string& name : v.strings("submission.mechanisms"))
    if (const auto mechanism = sasl::parse_mechanism(name)) out.mechanisms.push_back(*mechanism);
  out.hide_client = v.boolean("submission.hide_client");
  out.login_failures = v.integer("submission.login_failures");
  out.network_failures = v.integer("submission.network_failures");
  out.remember_passwords = v.duration("submission.remember_passwords");
  out.threads = static_cast<int>(v.integer("submission.threads"));
  out.relay_recipients = static_cast<std::size_t>(v.integer("submission.relay_recipients"));
  LdapSettings& l = out.ldap;
  l.url = v.string("ldap.url");
  l.starttls = v.boolean("ldap.starttls");
  l.ca_file = v.string("ldap.ca_file");
  l.bind_dn = v.string("ldap.bind_dn");
  l.base = v.string("ldap.base");
  l.filter = v.string("ldap.filter");
  l.search_dn = v.string("ldap.search_dn");
  l.search_password_file = v.string("ldap.search_password_file");
  l.mail_attribute = v.string("ldap.mail_attribute");
  l.may_relay = v.boolean("ldap.may_relay");
  l.timeout = v.duration("ldap.timeout");
  OauthSettings& o = out.oauth;
  o.url = v.string("oauth.url");
  o.client_id = v.string("oauth.client_id");
  o.secret_file = v.string("oauth.secret_file");
  o.jwks_url = v.string("oauth.jwks_url");
  o.issuer = v.string("oauth.issuer");
  o.audience = v.string("oauth.audience");
  o.ca_file = v.string("oauth.ca_file");
  o.claim = v.string("oauth.claim");
  o.scope = v.string("oauth.scope");
  o.timeout = v.duration("oauth.timeout");
  return out;
}

std::string wrong_with(const SubmissionSettings& s) {
  const auto asks = [&](sasl::Mechanism one) {
    return std::find(s.mechanisms.begin(), s.mechanisms.end(), one) != s.mechanisms.end();
  };
  if (!s.ldap.url.empty() && s.ldap.bind_dn.empty() && s.ldap.base.empty())
    return "\"ldap.url\" is set, but neither \"ldap.bind_dn\" nor \"ldap.base\": how is an account found?";
  if (s.ldap.starttls && !s.ldap.url.starts_with("ldap://"))
    return "\"ldap.starttls\" is for an \"ldap.url\" that begins with ldap://";
  if (asks(sasl::Mechanism::kOauthBearer) && !s.oauth.takes_tokens())
    return "\"submission.mechanisms\" names OAUTHBEARER, but neither \"oauth.url\" nor \"oauth.jwks_url\" is "
           "set";
  if (!s.oauth.url.empty() && !s.oauth.jwks_url.empty())
    return "\"oauth.url\" and \"oauth.jwks_url\" are both set: who is to say what a token stands for?";
  // Else a token for any other service of the same server would do.
  if (!s.oauth.jwks_url.empty() && (s.oauth.issuer.empty() || s.oauth.audience.empty()))
    return "\"oauth.jwks_url\" needs \"oauth.issuer\" and \"oauth.audience\"";
  return "";
}

}  // namespace essaim::smtpd
