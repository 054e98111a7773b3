# shellcheck shell=bash
# Sourced by scripts/kafka for `start DIR --secure`: a broker that knows who calls and what they may.
#
# Besides the plaintext listener, whose callers are administrators, it has one with user name and
# password over TLS (SCRAM-SHA-512, PLAIN) and one that asks for a client certificate. Their
# addresses are in DIR/brokers-sasl and DIR/brokers-tls. Users: `todo` and `stranger`, password
# `NAME-secret`. In DIR/tls: ca.pem, client.pem and client.key (User:CN=todo), other-ca.pem. The
# broker's certificate is for localhost, so that by 127.0.0.1 its name is wrong.

certificates() {
  [ ! -f "$dir/tls/broker.pem" ] || return 0
  have openssl || die "openssl is needed to make certificates: scripts/setup services"
  mkdir -p "$dir/tls"
  (
    umask 077
    cd "$dir/tls"
    authority ca "Todo Evolution test authority"
    authority other-ca "Somebody else"
    signed broker localhost "subjectAltName=DNS:localhost"
    signed client todo "extendedKeyUsage=clientAuth"
    # What Java calls a key store: PKCS#8 key, certificate, authority.
    cat broker.key broker.crt ca.pem >broker.tmp
    mv client.crt client.pem
    mv broker.tmp broker.pem
  ) >/dev/null 2>&1 || die "openssl could not make the certificates."
}

# authority FILE NAME
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj "/CN=$2" -keyout "$1.key" -out "$1.pem"
}

# signed FILE NAME EXTENSION
signed() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"
  echo "$3" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 \
    -extfile "$1.ext" -out "$1.crt"
}

# secure_properties PLAINTEXT-PORT CONTROLLER-PORT: after the others, which they replace.
secure_properties() {
  local sasl tls module=org.apache.kafka.common.security
  read -r sasl tls <<<"$(free_ports 2)"
  echo "localhost:$sasl" >"$dir/brokers-sasl"
  echo "localhost:$tls" >"$dir/brokers-tls"
  cat <<PROPERTIES
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2,SASL_SSL://127.0.0.1:$sasl,SSL://127.0.0.1:$tls
advertised.listeners=PLAINTEXT://127.0.0.1:$1,SASL_SSL://localhost:$sasl,SSL://localhost:$tls
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
ssl.keystore.type=PEM
ssl.keystore.location=$dir/tls/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/tls/ca.pem
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=$module.plain.PlainLoginModule required user_todo="todo-secret" user_stranger="stranger-secret";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
PROPERTIES
}

# What StorageTool needs to know the users.
scram_users=(
  --add-scram 'SCRAM-SHA-512=[name=todo,password=todo-secret]'
  --add-scram 'SCRAM-SHA-512=[name=stranger,password=stranger-secret]'
)
