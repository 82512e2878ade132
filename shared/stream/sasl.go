package stream

import (
	"context"
	"net"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	franz "github.com/twmb/franz-go/pkg/sasl"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// The values of SASL.Mechanism beside "", which is nobody.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
	MSKIAM      = "AWS_MSK_IAM"
)

// SASL is who we are to the brokers.
type SASL struct {
	Mechanism          string
	Username, Password string   // of OAUTHBEARER the client's id and secret
	Token              Token    // of OAUTHBEARER
	AWS                []string // of AWS_MSK_IAM: NAME=value of the variables that say who we are
}

// Token is where OAUTHBEARER gets its tokens: from an endpoint of OAuth 2, by the
// client's credentials, or from a file, which is read for each connection.
type Token struct {
	URL, File  string
	CA         string // PEM file of the endpoint's authority; the system's where empty
	Scope      string // separated by spaces
	Extensions string // name=value,..., that some brokers ask for
}

func readSASL(getenv func(string) string) (SASL, error) {
	s := SASL{
		Mechanism: strings.ToUpper(getenv(envMechanism)), Username: getenv(envUsername), Password: getenv(envPassword),
		Token: Token{
			URL: getenv(envTokenURL), File: getenv(envTokenFile), CA: getenv(envTokenCA),
			Scope: getenv(envScope), Extensions: getenv(envExtensions),
		},
	}
	switch s.Mechanism {
	case Plain, ScramSHA256, ScramSHA512:
		if s.Username == "" {
			return s, pipeline.Invalidf(envUsername, "is not set").WithHint("%s %s wants %s and %s", envMechanism, s.Mechanism, envUsername, envPassword)
		}
	case MSKIAM:
		for _, name := range awsVariables {
			if value := getenv(name); value != "" {
				s.AWS = append(s.AWS, name+"="+value)
			}
		}
	case OAuthBearer:
		return s, s.Token.check(s)
	case "":
		if s.Username != "" || s.Password != "" || s.Token != (Token{}) {
			return s, pipeline.Invalidf(envMechanism, "is not set, but others of SASL are").WithHint("set %s to one of %s", envMechanism, mechanisms)
		}
	}
	return s, nil
}

const mechanisms = Plain + ", " + ScramSHA256 + ", " + ScramSHA512 + ", " + OAuthBearer + " or " + MSKIAM

// env is the variables that readSASL reads s from.
func (s SASL) env() []string {
	var env []string
	for _, v := range []struct{ name, value string }{
		{envMechanism, s.Mechanism},
		{envUsername, s.Username},
		{envPassword, s.Password},
		{envTokenURL, s.Token.URL},
		{envTokenFile, s.Token.File},
		{envTokenCA, s.Token.CA},
		{envScope, s.Token.Scope},
		{envExtensions, s.Token.Extensions},
	} {
		if v.value != "" {
			env = append(env, v.name+"="+v.value)
		}
	}
	return append(env, s.AWS...)
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	var algorithm scram.Algorithm
	switch s.Mechanism {
	case "":
		return nil, nil
	case Plain:
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case OAuthBearer:
		return s.bearer()
	case MSKIAM:
		return s.aws(), nil
	case ScramSHA256:
		algorithm = scram.SHA256
	case ScramSHA512:
		algorithm = scram.SHA512
	default:
		return nil, pipeline.Invalidf(envMechanism, "%q is not known", s.Mechanism).WithHint("use %s", mechanisms)
	}
	m, err := scram.Mechanism(algorithm, s.Username, s.Password)
	if err != nil {
		return nil, pipeline.Invalidf(envUsername, "%v", err)
	}
	return m, nil
}

// borrowed is a mechanism of franz-go for kafka-go, which has neither OAUTHBEARER
// nor AWS_MSK_IAM by itself.
type borrowed struct{ franz.Mechanism }

// Start implements sasl.Mechanism.
func (b borrowed) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	broker := ""
	if m := sasl.MetadataFromContext(ctx); m != nil {
		broker = net.JoinHostPort(m.Host, strconv.Itoa(m.Port))
	}
	session, first, err := b.Authenticate(ctx, broker)
	if err != nil {
		return nil, nil, err
	}
	return borrowedSession{session, b.Name()}, first, nil
}

type borrowedSession struct {
	franz.Session
	mechanism string
}

// Next implements sasl.StateMachine. A broker that refuses a token says why as
// one more challenge, and waits for an answer before it ends the exchange.
func (s borrowedSession) Next(_ context.Context, challenge []byte) (bool, []byte, error) {
	if s.mechanism == OAuthBearer && len(challenge) > 0 {
		return false, nil, refusedToken(challenge)
	}
	return s.Challenge(challenge)
}
