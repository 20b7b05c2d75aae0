// What settings lists have: the rows of their table, with what each may be.
#include "core/base/text.h"
#include "core/config/values.h"
#include "core/mail/header_block.h"
#include "core/smtp/idn.h"
#include "lists/admin.h"
#include "lists/policies.h"
#include "lists/scenario/shipped.h"
#include "lists/setting_words.h"
#include "lists/settings.h"
#include "lists/templates/catalogue.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kMaxText = 64 * 1024;

bool has_line_end(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
}

std::string check_line(const std::string& value) {
  if (has_line_end(value)) return "it must be a single line";
  if (!is_valid_utf8(value)) return "it is not UTF-8";
  if (value.size() > 500) return "it is longer than 500 octets";
  return "";
}

std::string check_tag(const std::string& value) {
  if (value.size() > 60) return "it is longer than 60 octets";
  return check_line(value);
}

std::string check_schedule(const std::string& value) {
  const auto schedule = parse_schedule(value);
  return schedule.ok() ? "" : schedule.error().message;
}

std::string check_text(const std::string& value) {
  if (!is_valid_utf8(value)) return "it is not UTF-8";
  if (value.find('\0') != value.npos) return "it has a NUL";
  if (value.size() > kMaxText) return "it is longer than 64 KB";
  return "";
}

// Fields that the list makes itself or that say how the message is to be read: neither added nor removed by
// settings.
bool is_reserved_field(std::string_view name) {
  for (const std::string_view reserved :
       {"From", "Date", "Message-ID", "Received", "Return-Path", "MIME-Version", "List-Id", "List-Post",
        "List-Owner", "List-Unsubscribe", "X-Loop", "Subject", "Reply-To"}) {
    if (equals_ignoring_case(name, reserved)) return true;
  }
  return starts_with_ignoring_case(name, "Content-");
}

std::string check_added(const std::string& value) {
  if (value.size() > kMaxText) return "it is longer than 64 KB";
  for (const std::string_view line : lines_of(value)) {
    const auto colon = line.find(':');
    if (colon == line.npos) return "'" + escaped_for_display(line, 80) + "' is not of the form Name: value";
    const auto name = trimmed(line.substr(0, colon));
    if (is_reserved_field(name)) return std::string(name) + " cannot be added: the list needs it itself";
    if (const auto field = mail::format_field(name, trimmed(line.substr(colon + 1))); !field.ok())
      return field.error().message;
  }
  return "";
}

std::string check_removed(const std::string& value) {
  if (value.size() > kMaxText) return "it is longer than 64 KB";
  for (const std::string& name : names_of(value)) {
    if (is_reserved_field(name)) return name + " cannot be removed: the list needs it itself";
    if (const auto field = mail::format_field(name, "x"); !field.ok()) return field.error().message;
  }
  return "";
}

std::string check_reply_to(const std::string& value) {
  if (value == "author" || value == "list" || value == "none") return "";
  const auto address = smtp::parse_mailbox(value);
  if (address.ok()) return "";
  return "it must be author, list, none or an address (" + address.error().message + ")";
}

std::string check_exceptions(const std::string& value) {
  if (value.size() > kMaxText) return "it is longer than 64 KB";
  for (const std::string& word : names_of(value)) {
    if (!exception_of(word))
      return "\"" + escaped_for_display(word, 80) +
             "\" is not ADDRESS=TREATMENT or DOMAIN=TREATMENT (keep, rewrite, wrap, refuse)";
  }
  return "";
}

constexpr std::int64_t kYear = std::int64_t{366} * 24 * 3600 * 1000;

std::string check_language(const std::string& value) {
  return is_language(value) ? "" : "it must be one of " + joined(languages());
}

std::string check_robot(const std::string& value) {
  const auto address = smtp::parse_mailbox(value + "@robot.example");
  if (!address.ok() || address->local != value) return "it must be the local part of an address, as sympa";
  if (value != ascii_lowered(value)) return "it must be in lower case";
  // Mail to them would be taken for commands, and nobody would see it (RFC 5321 section 4.5.1, RFC 2142).
  return taken_by_the_site(value);
}

std::string check_functions(const std::string& value) {
  for (const std::string_view one : split(value, ',')) {
    const auto name = trimmed(one);
    if (!name.empty() && scenario::find_function(name) == nullptr)
      return "there is no function '" + escaped_for_display(name, 80) + "'";
  }
  return "";
}

}  // namespace

const std::vector<config::Setting>& list_settings_table() {
  using config::Type;
  static const std::vector<config::Setting> table = {
      {.name = "description",
       .help = "What the list is for, in one line; shown in List-Id.",
       .check = check_line},
      {.name = "subject_tag",
       .help = "Put before the subject of each post, brackets included: [dev]. Empty for none.",
       .example = "[dev]",
       .check = check_tag},
      {.name = "reply_to",
       .default_value = "author",
       .help = "Where answers go: author leaves Reply-To as the author made it, none removes it, list and an "
               "address replace it.",
       .check = check_reply_to},
      {.name = "max_size",
       .type = Type::kSize,
       .default_value = "10M",
       .help = "Largest post; 0 leaves it to the server's own limit.",
       .maximum = std::int64_t{1} << 31},
      {.name = "add_headers",
       .help = "Header fields to add to each post, one to a line.",
       .example = "X-Campus: Lyon",
       .check = check_added},
      {.name = "remove_headers",
       .help = "Names of header fields to remove from each post, with spaces or commas between.",
       .example = "X-Mailer, User-Agent",
       .check = check_removed},
      {.name = "header",
       .help = "Plain text put over each post. Signed and encrypted mail is left whole.",
       .example = "Questions to dev-owner@lists.example.org",
       .check = check_text},
      {.name = "header_html",
       .help =
           "The same for HTML parts, as a fragment, beside header. Without it, HTML is not touched: a mail "
           "that has no plain text gets the words as a part of their own.",
       .example = "<p>Questions to the owners</p>",
       .check = check_text},
      {.name = "footer",
       .help =
           "Plain text put under each post. Signed and encrypted mail is left whole; what ends with these "
           "words already gets no second copy.",
       .example = "To leave the list: dev-unsubscribe@lists.example.org",
       .check = check_text},
      {.name = "footer_html",
       .help = "The same for HTML parts, as a fragment, beside footer.",
       .example = "<p>To leave the list ...</p>",
       .check = check_text},
      {.name = "footer_style",
       .type = Type::kEnum,
       .default_value = "text",
       .help =
           "How header and footer are put in. text: into the text of the mail where that can be done. mime: "
           "always as a part of their own, so that not a word of the author's text is touched.",
       .choices = {"text", "mime"}},
      {.name = "envelope",
       .type = Type::kEnum,
       .default_value = "personal",
       .help =
           "personal: each member's copy has its own return address, so that bounces are told apart, and its "
           "own address to leave with. common: the same copy for all, many recipients to a transaction.",
       .choices = {"personal", "common"}},
      {.name = "expire",
       .type = Type::kDuration,
       .default_value = "5d",
       .help = "How long delivery is tried.",
       .minimum = 1000,
       .maximum = std::int64_t{30} * 24 * 3600 * 1000},
      {.name = "digest",
       .help = "When members who want several posts in one mail get them: days of the week, or daily, and a "
               "time of day on "
               "the server's clock. Empty: there are no digests, and who wants them gets each post.",
       .example = "mon,thu 07:30",
       .check = check_schedule},
      {.name = "digest_max_posts",
       .type = Type::kInteger,
       .default_value = "25",
       .help = "Most posts in a digest; what is more makes further ones.",
       .minimum = 1,
       .maximum = 1000},
      {.name = "bounce_days",
       .type = Type::kInteger,
       .default_value = "5",
       .help = "A member whose copies came back on so many days, over ten at least, and who has had none "
               "since the first of them, gets "
               "no more until somebody says so; owners and the member are told. 0: never.",
       .maximum = 365},
      {.name = "goodbye",
       .type = Type::kBool,
       .default_value = "true",
       .help = "Whether who has left is told so by mail."},
      {.name = "tell_left",
       .type = Type::kBool,
       .default_value = "false",
       .help = "Whether the owners are told when a member leaves: by mail, by a click, or on a page."},
      {.name = "dmarc_failure",
       .type = Type::kEnum,
       .default_value = "mark",
       .help =
           "A post that fails DMARC while the author's domain publishes quarantine or reject. accept: goes "
           "on as others. mark: gets a field X-Unauthenticated-Author. hold: waits for the moderators, who "
           "are "
           "told what fails, and is marked if they let it pass. refuse: 550 in the dialogue. "
           "What came by way of another list (List-Id under a signature or SPF of its domain, or ARC by "
           "authentication.trusted_sealers), whose authors fail through no "
           "fault of theirs, is only marked. Where name servers do not say whether it fails, mark "
           "marks it (dmarc=temperror), and hold and refuse are a 451.",
       .choices = {"accept", "mark", "hold", "refuse"}},
      {.name = "authenticated_only",
       .type = Type::kBool,
       .default_value = "false",
       .help = "Takes posts only of authors whose domain stands behind them: a DKIM signature or SPF that is "
               "aligned "
               "with From. Which of them may post, the scenario send says."},
      {.name = "automatic_replies",
       .type = Type::kEnum,
       .default_value = "refuse",
       .help =
           "What answers of machines (out-of-office and the like) meet. refuse: 550 in the dialogue. accept: "
           "they are "
           "posts like others, for a list that collects them. Reports of programs are no answers, and pass "
           "in any case.",
       .choices = {"refuse", "accept"}},
      {.name = "misaddressed_commands",
       .type = Type::kEnum,
       .default_value = "refuse",
       .help =
           "A post whose whole subject is subscribe or unsubscribe. refuse: 550, with the address that such "
           "mail goes to. accept: it is a post like others.",
       .choices = {"refuse", "accept"}},
      {.name = "anonymous",
       .type = Type::kBool,
       .default_value = "false",
       .help = "Whether authors are hidden from the members: From and To become the list, and of the header "
               "what tells of the author is left out. Moderators, owners and the ledger know them; what a "
               "body says, or a signature in it, stays."},
      {.name = "author_protection",
       .type = Type::kEnum,
       .default_value = "rewrite",
       .help = "What is done when the list's changes would break the author's signature and the author's "
               "domain has "
               "receivers refuse such mail. rewrite: From becomes the list with the author's name, the "
               "author stays in "
               "Reply-To or Cc. wrap: the message goes, whole, inside one of the list's. refuse: 550, or "
               "451 while it cannot be looked up. keep: "
               "nothing, and "
               "some members' servers will refuse it.",
       .choices = {"rewrite", "wrap", "refuse", "keep"}},
      {.name = "author_protection_from",
       .type = Type::kEnum,
       .default_value = "quarantine",
       .help = "The weakest DMARC policy of the author's domain that needs it: quarantine, reject, or none: "
               "whenever "
               "no signature of the author survives.",
       .choices = {"none", "quarantine", "reject"}},
      {.name = "author_exceptions",
       .help = "Authors who are treated otherwise, as ADDRESS=TREATMENT or DOMAIN=TREATMENT, with spaces or "
               "commas "
               "between.",
       .example = "example.org=wrap, ann@example.com=keep",
       .check = check_exceptions},
      {.name = "broken_signatures",
       .type = Type::kEnum,
       .default_value = "remove",
       .help = "DKIM signatures that do not verify any more. rename makes them X-Broken-DKIM-Signature.",
       .choices = {"remove", "rename", "keep"}},
      {.name = "arc_seal",
       .type = Type::kBool,
       .default_value = "true",
       .help = "Whether posts get an ARC set (RFC 8617) when the list's domain has a key."},
      {.name = "require_tls",
       .type = Type::kEnum,
       .default_value = "keep",
       .help =
           "Posts that ask for TLS on the whole way (REQUIRETLS, RFC 8689). keep: they go on as they ask, "
           "and members "
           "whose servers cannot promise it do not get them; \"TLS-Required: No\" is kept, too. always: "
           "every post "
           "of the list goes so. never: what an author asks for ends at the list. refuse: 550 to REQUIRETLS.",
       .choices = {"keep", "always", "never", "refuse"}},
      {.name = "report_failures",
       .type = Type::kBool,
       .default_value = "true",
       .help =
           "Whether the owners get one report for each post that members did not get because of the message "
           "itself (its size, its content) or because their servers could not be reached in time."},
      {.name = "language",
       .default_value = "en",
       .help = "Language of what is written to people who have not chosen one: " + joined(languages()) + ".",
       .check = check_language},
      {.name = "robot",
       .default_value = "sympa",
       .help =
           "Local part of the address that takes commands, one for all lists of the domain: a name that no "
           "list has. Set it for the domain; a list has none of its own.",
       .check = check_robot},
      {.name = "use_blocklist",
       .default_value = "send,subscribe,create_list",
       .help = "Functions that the filter blocklist.txt is asked for first.",
       .check = check_functions},
      {.name = "welcome",
       .type = Type::kBool,
       .default_value = "true",
       .help = "Whether who has joined is welcomed."},
      {.name = "tell_held",
       .type = Type::kBool,
       .default_value = "true",
       .help = "Whether an author is told that a post waits for a moderator."},
      {.name = "tell_approved",
       .type = Type::kBool,
       .default_value = "false",
       .help = "Whether an author is told that a moderator let a post pass."},
      {.name = "tell_rejected",
       .type = Type::kBool,
       .default_value = "true",
       .help = "Whether an author is told that a moderator refused a post."},
      {.name = "held_expire",
       .type = Type::kDuration,
       .default_value = "30d",
       .help = "How long a post waits for a moderator.",
       .minimum = 60'000,
       .maximum = kYear},
      {.name = "confirm_expire",
       .type = Type::kDuration,
       .default_value = "7d",
       .help = "How long the key to confirm a post or a request is good.",
       .minimum = 60'000,
       .maximum = kYear},
      {.name = "approval_expire",
       .type = Type::kDuration,
       .default_value = "14d",
       .help = "How long a request waits for the owners' approval; also how long an invitation is good.",
       .minimum = 60'000,
       .maximum = kYear},
      {.name = "approval_remind",
       .type = Type::kDuration,
       .default_value = "3d",
       .help =
           "How often owners are reminded of a request, and moderators of posts, that wait; 0s for never.",
       .minimum = 0,
       .maximum = kYear},
  };
  static const std::vector<config::Setting> with_functions = [] {
    std::vector<config::Setting> all = table;
    for (const scenario::Function& function : scenario::functions()) {
      all.push_back({.name = std::string(function.name),
                     .default_value = std::string(function.default_name),
                     .help = "Scenario: " + std::string(function.help) +
                             ". essaim scenario list names those there are." +
                             (function.used ? "" : " Not used yet."),
                     .check = check_scenario_name});
    }
    return all;
  }();
  return with_functions;
}

}  // namespace essaim::lists
