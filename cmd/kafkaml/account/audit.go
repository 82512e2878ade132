package account

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kafkaml/kafkaml/client"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/terminal"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/registry"
)

const auditAbout = `List the commands that kafkaml was given, the newest first: who, what, when, from
where, and what came of each. It takes the role operator.`

func auditCommand(env *cli.Env) *cobra.Command {
	query, outcome, limit := "", "", 50
	cmd := &cobra.Command{
		Use: "audit", Short: "List who commanded what", Long: auditAbout, Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if outcome != "" && !slices.Contains(registry.Outcomes, outcome) {
				return cli.Usagef("--outcome %q is none of %s", outcome, strings.Join(registry.Outcomes, ", "))
			}
			c, err := env.Client(cmd.Context())
			if err != nil {
				return err
			}
			q := url.Values{"limit": {strconv.Itoa(limit)}, "q": {query}, "status": {outcome}}
			page, err := client.Read[client.Page[registry.Audit]](cmd.Context(), c, pipeline.StepDeployTraining, "audit?"+q.Encode())
			if err != nil {
				return err
			}
			return env.Print(page, "", func(w io.Writer) error { return printAudit(w, page.Items) })
		},
	}
	cmd.Flags().StringVar(&query, "filter", "", "part of a name, a type, an address or a reason")
	cmd.Flags().StringVar(&outcome, "outcome", "", "taken, rejected, denied, off-schema or failed")
	cmd.Flags().IntVar(&limit, "limit", limit, "at most so many")
	env.OutputFlag(cmd)
	// The flag exists, so this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("outcome", cli.Choices(registry.Outcomes...))
	return cmd
}

func printAudit(w io.Writer, lines []registry.Audit) error {
	if len(lines) == 0 {
		_, err := fmt.Fprintln(w, "no commands")
		return err
	}
	for _, a := range lines {
		text := fmt.Sprintf("%s  %-10s %s, %s  %s %s  from %s  %s", a.Time.Local().Format(time.DateTime), a.Outcome, a.Name, a.Role, a.Command, a.Subject, a.From, a.Reason)
		if _, err := fmt.Fprintln(w, terminal.Plain(text)); err != nil {
			return err
		}
	}
	return nil
}
