// What servers say that are asked about logins: of a token, whom it stands for; of an entry, its addresses. Nobody is somebody
// unless they say so, and an address is read back as it is kept.
#include "core/sasl/login.h"
#include "smtpd/accounts/introspection.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(account_answers) {
  const unsigned choice = fuzz::take_choice(&data);
  smtpd::IntrospectionOptions options;
  options.url = "https://id.example/introspect";
  if ((choice & 1) != 0) options.claim = "sub";
  if ((choice & 2) != 0) options.scope = "smtp";
  http::Response response;
  response.status = (choice & 4) != 0 ? 500 : 200;
  response.body = data;
  const auto said = smtpd::read_introspection(options, response, from_millis(1'790'000'000'000));
  if (!said.ok()) {
    ESSAIM_CHECK(said.error().code == ErrorCode::kTemporary);
  } else {
    ESSAIM_CHECK(response.status == 200 && said->active == !said->name.empty());
    ESSAIM_CHECK(!said->active || (response.body.find("true") != std::string::npos &&
                                   said->name.size() <= 2 * response.body.size()));
  }
  if (const auto address = sasl::parse_owned_address(data); address.ok()) {
    const auto again = sasl::parse_owned_address(*address);
    ESSAIM_CHECK(again.ok() && *again == *address);
    ESSAIM_CHECK(address->find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
}
