package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	function "github.com/kafkaml/kafkaml"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/account"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/cli"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/doctor"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/machine"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/resource"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/serve"
	"github.com/kafkaml/kafkaml/cmd/kafkaml/streaming"
)

// program is how usage texts call this program: kn runs a plugin by the file
// name kn-kafkaml.
func program(argument0 string) string {
	name := strings.TrimSuffix(filepath.Base(argument0), ".exe")
	if name == "kn-kafkaml" {
		return "kn kafkaml"
	}
	return "kafkaml"
}

const about = `Train and serve neural networks straight from Kafka streams.

A model is Keras source. A configuration groups models; a deployment of it
trains them all on the next stream that names it; each training is a result; an
inference serves a finished result between two topics.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such thing, 4 refused,
5 kafkaml or Kafka does not answer, 130 interrupted.`

// The headings of --help.
const (
	groupPipeline = "pipeline"
	groupStreams  = "streams"
	groupMachine  = "machine"
	groupAccount  = "account"
)

// newRoot builds the whole command line.
func newRoot(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use: "kafkaml", Short: "Train and serve neural networks straight from Kafka streams", Long: about,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: env.Program},
	}
	root.AddGroup(
		&cobra.Group{ID: groupPipeline, Title: "The pipeline:"},
		&cobra.Group{ID: groupStreams, Title: "Streams:"},
		&cobra.Group{ID: groupMachine, Title: "This machine:"},
		&cobra.Group{ID: groupAccount, Title: "Who you are:"},
	)
	env.Frameworks = function.Frameworks()
	env.GlobalFlags(root.PersistentFlags())
	add(root, groupPipeline, resource.Commands(env)...)
	add(root, groupStreams, streaming.Command(env))
	add(root, groupMachine, machine.RunCommand(env), machine.DemoCommand(env), serve.Command(env), machine.BackupCommand(env), machine.RestoreCommand(env), doctor.Command(env), newVersion(env))
	add(root, groupAccount, account.Commands(env)...)
	return cli.Group(root)
}

func add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}
