// The messages of SCRAM (RFC 5802 §7) that a client sends, taken apart. Pure and strict; what was parsed is given back octet for
// octet where it is authenticated.
//
//   client-first-message = gs2-header [reserved-mext ","] "n=" saslname "," "r=" nonce ["," extensions]
//   gs2-header           = ("p=" cb-name / "n" / "y") "," ["a=" saslname] ","
//   client-final-message = "c=" base64 "," "r=" nonce ["," extensions] ",p=" base64
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace essaim::sasl {

struct ClientFirst {
  enum class Binding {
    kUnsupported,  // "n": the client knows none
    kNotOffered,   // "y": it would, and believes that we do not
    kUsed          // "p="
  };
  Binding binding = Binding::kUnsupported;
  std::string binding_name;  // "tls-exporter"
  std::string authzid;       // decoded
  std::string name;          // decoded, not prepared
  std::string nonce;
  std::string gs2_header;  // as it came
  std::string bare;        // what follows it
};
std::optional<ClientFirst> parse_client_first(std::string_view message);

struct ClientFinal {
  std::string channel;  // decoded from base 64: gs2-header and binding
  std::string nonce;
  std::string without_proof;  // as it came
  std::string proof;          // decoded: 32 octets
};
std::optional<ClientFinal> parse_client_final(std::string_view message);

// "a=2Cb=3D" as in saslname; nothing for a "=" that is neither.
std::optional<std::string> decoded_saslname(std::string_view text);

}  // namespace essaim::sasl
