// Package serve is the command that a cluster's pods run: one step of the
// pipeline as Knative's func serves it, or the page before the steps.
package serve

import (
	"context"
	"log/slog"
	"os"
	"strconv"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	fnhttp "knative.dev/func-go/http"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/functions"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/tracing"
)

const about = `Serve one step of the pipeline, as a pod of a cluster does.

It is configured by environment variables, which docs/kubernetes.md lists. FUNCTION
names the step: model-register, deploy-training, control-log, deploy-inference,
records, or page, which serves the web page and passes on what it asks of the steps.`

// Page is the value of FUNCTION that serves the page.
const Page = "page"

// Command is "serve".
func Command(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve one step of the pipeline, in a cluster", Long: about, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(tracing.Log(slog.NewJSONHandler(env.Err, nil)))
			slog.SetDefault(log)
			if env.Getenv("FUNCTION") == Page {
				return page(cmd.Context(), env.Getenv, env.Frameworks, log)
			}
			if env.Getenv("KAFKAML_TLS_CERT") != "" {
				return pipeline.Invalidf("KAFKAML_TLS_CERT", "is for FUNCTION=page and for kafkaml run: a step is served behind Knative, which speaks TLS for it").
					WithHint("leave it out; config-network of Knative has system-internal-tls and external-domain-tls")
			}
			return step(cmd.Context(), env.Frameworks, log)
		},
	}
}

// port is where to listen.
func port(getenv func(string) string) string {
	if p := getenv("PORT"); p != "" {
		return p
	}
	return strconv.Itoa(pipeline.DefaultPort)
}

// step runs the func of this repository. func-go reads the environment itself.
func step(ctx context.Context, frameworks framework.Registry, log *slog.Logger) error {
	zerolog.SetGlobalLevel(zerolog.WarnLevel) // func-go's own log
	if os.Getenv("LISTEN_ADDRESS") == "" {
		if err := os.Setenv("LISTEN_ADDRESS", "[::]:"+port(os.Getenv)); err != nil { // PORT alone would listen on 127.0.0.1
			return err
		}
	}
	return fnhttp.New(functions.NewInstance(frameworks, log)).Start(ctx)
}
