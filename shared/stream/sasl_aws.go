package stream

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"

	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// awsVariables are those that a client of AWS is told by who it is and where: a
// key, a file of keys, a role by a token of the cluster, or the machine's role.
var awsVariables = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_REGION", "AWS_DEFAULT_REGION",
}

// awsPatience bounds one request for credentials of a role.
const awsPatience = 10 * time.Second

// aws is AWS_MSK_IAM. Keys of a role are kept until they expire. The region is
// that of the broker's name, else of AWS_REGION.
func (s SASL) aws() sasl.Mechanism {
	client := &http.Client{Timeout: awsPatience}
	keys := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.Static{Value: credentials.Value{
			AccessKeyID: s.variable("AWS_ACCESS_KEY_ID"), SecretAccessKey: s.variable("AWS_SECRET_ACCESS_KEY"),
			SessionToken: s.variable("AWS_SESSION_TOKEN"), SignerType: credentials.SignatureV4,
		}},
		&credentials.FileAWSCredentials{},
		&credentials.IAM{Client: client},
	})
	return borrowed{aws.ManagedStreamingIAM(func(context.Context) (aws.Auth, error) {
		v, err := keys.GetWithContext(&credentials.CredContext{Client: client})
		if err == nil && v.AccessKeyID == "" {
			err = pipeline.Invalidf("AWS_ACCESS_KEY_ID", "no credentials of AWS were found")
		}
		if err != nil {
			return aws.Auth{}, &pipeline.Error{
				Op: opDial, Kind: pipeline.Unavailable, Field: envMechanism, Err: err, Reason: "no credentials of AWS for " + MSKIAM + ": " + err.Error(),
				Hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine or service account a role",
			}
		}
		return aws.Auth{AccessKey: v.AccessKeyID, SecretKey: v.SecretAccessKey, SessionToken: v.SessionToken, UserAgent: clientID}, nil
	})}
}

// variable is one of s.AWS.
func (s SASL) variable(name string) string {
	for _, kv := range s.AWS {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}
