#include "smtpd/settings/storage_table.h"

#include "smtpd/settings/checks.h"
#include "storage/database.h"

namespace essaim::smtpd {
namespace {

using config::Type;

std::string must_be_database(const std::string& url) {
  const auto checked = storage::Database::check_url(url);
  return checked.ok() ? "" : checked.error().message;
}

}  // namespace

void add_storage_settings(config::Schema* schema) {
  schema->sections.push_back(
      {"storage", "Where domains, lists, members, posts and the queue are kept.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "storage.url",
           .default_value = "sqlite:/var/lib/essaim/essaim.db",
           .help = "The database: \"sqlite:/path/to/file.db\" for a node alone (the file is made when it is "
                   "missing), or \"mariadb://user@host1:3306,host2:3306/essaim\" for one that nodes share. "
                   "Hosts "
                   "are tried in their order. Behind the name: \"?tls=verify&ca=/etc/ssl/db.pem\", tls being "
                   "off, on "
                   "(the default for hosts other than loopback) or verify; \"timeout=10\", seconds for a "
                   "connection "
                   "and for a reply; \"socket=/path\" instead of hosts.",
           .check = must_be_database},
          {.name = "storage.password_file",
           .help = "File with the password of the user in a mariadb:// URL, which nobody but its owner and "
                   "group may "
                   "read (root:essaim, 0640). Without it the password is the systemd credential "
                   "\"database-password\", or what "
                   "the "
                   "variable ESSAIM_DATABASE_PASSWORD says.",
           .example = "/etc/essaim/database-password",
           .reloadable = true,
           .check = must_be_absolute},
          {.name = "storage.readers",
           .type = Type::kInteger,
           .default_value = "2",
           .help = "Threads that read from the database. What may be long (jobs, statistics, pages, "
                   "commands) leaves one of several to mail that comes in.",
           .unit = "threads",
           .minimum = 1,
           .maximum = 64},
      });
  schema->sections.push_back({"cluster", "Nodes that share a mariadb:// database.", false});
  schema->settings.push_back(
      {.name = "cluster.lease",
       .type = Type::kDuration,
       .default_value = "15s",
       .help =
           "How long a node may be silent before the others take over its work. A node that cannot reach the "
           "database stops accepting and sending a fifth earlier. The same on all nodes; each waits at least "
           "its "
           "own and at least what the silent one keeps to.",
       .minimum = 3'000,
       .maximum = 600'000});
}

}  // namespace essaim::smtpd
