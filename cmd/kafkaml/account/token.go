package account

import (
	"errors"
	"fmt"
	"os"

	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
)

// createToken prints a new token and its line.
func createToken(env *cli.Env, name, roleName, file string) error {
	role, err := identity.ParseRole(roleName)
	if err != nil {
		return err
	}
	if err := identity.CheckTokenName(name); err != nil {
		return err
	}
	token := identity.NewToken()
	line := identity.TokenLine(name, role, token)
	if file == "" {
		env.Note("add this line to KAFKAML_TOKENS_FILE of the installation:\n%s", line)
	} else if err := appendLine(file, line); err != nil {
		return &pipeline.Error{Op: "add the token", Kind: pipeline.Invalid, Field: "file", Err: err}
	}
	_, err = fmt.Fprintln(env.Out, token)
	return err
}

func appendLine(file, line string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
