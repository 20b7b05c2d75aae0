// Named search filters that ask somebody else: a database (friends.sql) or a directory (friends.ldap), written as in Sympa,
// a setting to a line, "#" begins a comment line:
//
//   sql_named_filter_query
//   db_type    MariaDB                     or MySQL, SQLite
//   db_host    db.example.org              not for SQLite; a path is a socket
//   db_name    people                      for SQLite the absolute path of the file
//   db_user    reader
//   db_passwd  secret
//   statement  SELECT COUNT(*) FROM staff WHERE mail = [sender]
//
//   host       ldap1.example.org:389,ldaps://ldap2.example.org      tried in this order
//   suffix     ou=people,dc=example,dc=org
//   filter     (&(mail=[sender])(employeeType=prof))
//   scope      sub                         or one, base
//   bind_dn    cn=reader,dc=example,dc=org
//   bind_password  secret
//
// A line of a .ldap file that ends with "\" goes on with the next one.
//
// It holds whom the statement answers with anything but 0, or for whom the directory has an entry. [sender] and [email] stand
// for the address that the rule searches for, in lower case; all other variables of rules mean what they mean there, the first
// one where a message has several such fields. Values are quoted or escaped, so they stand without quotes. One that is not
// known, or too long to be asked for, and the filter does not hold. A value; pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "lists/scenario/scenario.h"

namespace essaim::lists::scenario {

// "... mail = [sender] AND ...": texts[0] variables[0] texts[1] ...
struct SourceTemplate {
  std::vector<std::string> texts;
  std::vector<Piece> variables;
};

struct SourceFilter {
  enum class Kind { kMariadb, kSqlite, kLdap };
  enum class Scope { kSub, kOne, kBase };
  Kind kind = Kind::kLdap;
  std::string name;   // "friends.sql"
  std::string host;   // MariaDB: a name or a path; LDAP: URLs with spaces between
  int port = 3306;    // MariaDB
  std::string place;  // database, file, base of the search
  std::string user, password;
  SourceTemplate question;
  Scope scope = Scope::kSub;
  bool starttls = false;  // LDAP
  std::string ca_file;    // LDAP, MariaDB
  Duration timeout = std::chrono::seconds(5);

  // kInvalid names the line: "friends.sql, line 3: ...".
  static Result<SourceFilter> parse(std::string_view text, const std::string& name);
};

// What its name says: it asks somebody.
bool is_source_filter(std::string_view name);

}  // namespace essaim::lists::scenario
