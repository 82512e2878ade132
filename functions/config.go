package functions

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkaml/kafkaml/eventing"
	"github.com/kafkaml/kafkaml/eventing/guard"
	"github.com/kafkaml/kafkaml/shared/framework"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/pipeline"
	"github.com/kafkaml/kafkaml/shared/platform/kubernetes"
	"github.com/kafkaml/kafkaml/shared/schemas"
	"github.com/kafkaml/kafkaml/shared/stream"
	"github.com/kafkaml/kafkaml/shared/stream/control"
)

// Config is the configuration of a host. A member that is left out has the default
// that the variable of its name has, as ReadConfig lists them.
type Config struct {
	Step         string             // FUNCTION
	Data         string             // KAFKAML_DATA
	Database     string             // DATABASE_URL
	Artifacts    string             // ARTIFACT_URL
	Kafka        stream.Config      // KAFKA_*
	Schemas      schemas.Config     // SCHEMA_REGISTRY_*
	ControlTopic string             // CONTROL_TOPIC
	Tenant       string             // KAFKAML_TENANT
	URL          string             // BASE_URL
	Inner        string             // the same for programs of this machine; URL when empty
	Sink         string             // K_SINK
	Overrides    eventing.Overrides // K_CE_OVERRIDES
	Guard        *guard.Guard       // KAFKAML_HOSTS ...: before all that is served
	MayRead      identity.Topics    // KAFKAML_TOPICS_READ
	MayWrite     identity.Topics    // KAFKAML_TOPICS_WRITE
	Programs     map[string]string  // by framework: KAFKAML_TENSORFLOW ...
	Cluster      *ClusterConfig     // PLATFORM; nil for processes of this machine
	Replicas     int                // KAFKAML_MAX_REPLICAS
	Frameworks   framework.Registry // that models may be of
	Builders     framework.Builders // of Frameworks; they are started where it is nil
}

// ClusterConfig is the configuration of a host where trainings are Jobs of a Kubernetes
// cluster and inferences its Knative Services.
type ClusterConfig struct {
	Images  map[string]kubernetes.Image // by framework: KAFKAML_IMAGE ...
	Owner   string                      // K_SERVICE: the Service that what is made belongs to
	Pending time.Duration               // KAFKAML_PENDING_SECONDS
	Limits  kubernetes.Limits           // KAFKAML_LIMITS
}

// readKafka are the steps that must be told where Kafka is; deploy-training
// hands it on to the processes that it starts.
var readKafka = []string{pipeline.StepDeployTraining, pipeline.StepControlLog, pipeline.StepDeployInference, pipeline.StepRecords}

// ReadConfig reads the environment of a host of frameworks:
//
//	FUNCTION                 the step to serve; empty for all, each under its name
//	DATABASE_URL             registry; a SQLite file in KAFKAML_DATA when empty
//	ARTIFACT_URL             models; a folder in KAFKAML_DATA when empty
//	KAFKAML_DATA             folder for both, and for logs; ".data" when empty
//	KAFKA_*                  the cluster, as stream.FromEnv reads it
//	SCHEMA_REGISTRY_*        the schema registry, as schemas.FromEnv reads it; none when
//	                         SCHEMA_REGISTRY_URL is empty
//	CONTROL_TOPIC            KAFKA_ML_CONTROL_TOPIC when empty
//	KAFKAML_TENANT           begins the consumer groups, and has to begin CONTROL_TOPIC,
//	                         where several installations share Kafka
//	K_SINK                   deploy-training's door; this process's own when empty
//	K_CE_OVERRIDES           extensions of the events sent there
//	KAFKAML_HOSTS, ...       who may come in, as guard.ReadSettings reads it
//	KAFKAML_TOPICS_READ, KAFKAML_TOPICS_WRITE
//	                         which topics each role may use, as identity.ReadTopics
//	                         reads it
//	KAFKAML_TENSORFLOW       the program for training and inference with TensorFlow;
//	                         kafkaml-tensorflow beside this one when empty; so for
//	                         each framework by its name, as KAFKAML_ONNX
//	PORT                     where this process serves; 8080 when empty
//	BASE_URL                 the same as a URL; http://127.0.0.1:PORT when empty
//	PLATFORM                 kubernetes or local: where trainings and inferences run;
//	                         kubernetes in a pod when empty. Then also:
//	KAFKAML_IMAGE            holds the frameworks' programs
//	KAFKAML_GPU_IMAGE        the same for Jobs with GPUs; KAFKAML_IMAGE when empty
//	KAFKAML_TENSORFLOW_IMAGE, KAFKAML_TENSORFLOW_GPU_IMAGE
//	                         in their place for one framework; so for each by its
//	                         name
//	KAFKAML_PENDING_SECONDS  how long a Job may find no node; 600 when empty
//	KAFKAML_LIMITS           what a deployment may ask of the cluster, as
//	                         kubernetes.ParseLimits reads it
//
// and wherever inferences are made
//
//	KAFKAML_MAX_REPLICAS     most replicas of an inference; 32 when empty
func ReadConfig(getenv func(string) string, frameworks framework.Registry) (Config, error) {
	c := Config{
		Step: getenv("FUNCTION"), Data: getenv("KAFKAML_DATA"), Database: getenv("DATABASE_URL"), Artifacts: getenv("ARTIFACT_URL"),
		ControlTopic: getenv("CONTROL_TOPIC"), Tenant: getenv(pipeline.TenantVariable), URL: getenv("BASE_URL"), Sink: getenv("K_SINK"),
		Programs: programs(getenv, frameworks), Frameworks: frameworks,
	}
	if port := getenv("PORT"); port != "" && c.URL == "" {
		c.URL = "http://127.0.0.1:" + port
	}
	access, err := guard.ReadSettings(getenv)
	if err != nil {
		return c, err
	}
	if c.Guard, err = access.Open(reached(getenv, c.URL)...); err != nil {
		return c, err
	}
	if c.MayRead, c.MayWrite, err = identity.ReadTopics(getenv); err != nil {
		return c, err
	}
	if c.Overrides, err = eventing.ParseOverrides(getenv("K_CE_OVERRIDES")); err != nil {
		return c, err
	}
	if c.Cluster, err = readCluster(getenv, frameworks.Kinds()); err != nil {
		return c, err
	}
	if c.Schemas, err = schemas.FromEnv(getenv); err != nil {
		return c, err
	}
	if c.Replicas, err = MaxReplicas(getenv); err != nil {
		return c, err
	}
	if c.Step == "" || slices.Contains(readKafka, c.Step) || c.Step == pipeline.StepModelRegister && getenv("KAFKA_BROKERS") != "" {
		c.Kafka, err = stream.FromEnv(getenv)
	}
	return c, err
}

// MaxReplicas is the most replicas of an inference by KAFKAML_MAX_REPLICAS, 0
// where that is not set.
func MaxReplicas(getenv func(string) string) (int, error) {
	text := getenv("KAFKAML_MAX_REPLICAS")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, pipeline.Invalidf("KAFKAML_MAX_REPLICAS", "%q is not a number of replicas", text)
	}
	return n, nil
}

// reached is where this process is reached: BASE_URL, and what func-go listens
// on.
func reached(getenv func(string) string, url string) []string {
	var own []string
	for _, at := range []string{getenv("LISTEN_ADDRESS"), url} {
		if at != "" {
			own = append(own, at)
		}
	}
	return own
}

// readCluster reads what concerns Kubernetes, nil where PLATFORM says local or
// no cluster runs this process.
func readCluster(getenv func(string) string, kinds framework.Kinds) (*ClusterConfig, error) {
	switch p := getenv("PLATFORM"); {
	case p == "local" || p == "" && getenv("KUBERNETES_SERVICE_HOST") == "":
		return nil, nil // none is an answer
	case p != "" && p != "kubernetes":
		return nil, pipeline.Invalidf("PLATFORM", "%q is not a platform", p).WithHint("use kubernetes or local")
	}
	c := &ClusterConfig{Images: map[string]kubernetes.Image{}, Owner: getenv("K_SERVICE"), Pending: 10 * time.Minute}
	for _, kind := range kinds {
		c.Images[kind.Name] = imageOf(getenv, kind)
	}
	if text := getenv("KAFKAML_PENDING_SECONDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, pipeline.Invalidf("KAFKAML_PENDING_SECONDS", "%q is not a number of seconds", text)
		}
		c.Pending = time.Duration(n) * time.Second
	}
	var err error
	c.Limits, err = kubernetes.ParseLimits(getenv(kubernetes.LimitsVariable))
	return c, err
}

// imageOf is the image that holds a framework's program.
func imageOf(getenv func(string) string, kind framework.Kind) kubernetes.Image {
	own := programVariable(kind)
	if name := getenv(own + "_IMAGE"); name != "" {
		return kubernetes.Image{Name: name, GPU: getenv(own + "_GPU_IMAGE"), Memory: kind.Memory}
	}
	return kubernetes.Image{Name: getenv("KAFKAML_IMAGE"), GPU: getenv("KAFKAML_GPU_IMAGE"), Memory: kind.Memory}
}

// complete checks c and fills in what was left out.
func (c Config) complete() (Config, error) {
	set := func(to *string, otherwise string) {
		if *to == "" {
			*to = otherwise
		}
	}
	set(&c.Data, ".data")
	var err error
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return c, &pipeline.Error{Op: "find the data folder", Kind: pipeline.Unavailable, Field: "KAFKAML_DATA", Err: err}
	}
	c.Database, c.Artifacts = Stores(c.Data, c.Database, c.Artifacts)
	set(&c.ControlTopic, control.Topic)
	if err := c.checkControlTopic(); err != nil {
		return c, err
	}
	set(&c.URL, "http://127.0.0.1:"+strconv.Itoa(pipeline.DefaultPort))
	set(&c.Inner, c.URL)
	if c.Step == "" {
		c.Sink = c.Inner + "/" + pipeline.StepDeployTraining + "/"
	}
	set(&c.Sink, c.Inner+"/")
	if c.Guard == nil {
		if c.Guard, err = (guard.Settings{}).Open(c.URL); err != nil {
			return c, err
		}
	}
	c.Programs, err = c.programs()
	return c, err
}

// Stores are the URLs of the registry and of the artifacts: those that were given, or
// a file and a folder in the folder data.
func Stores(data, database, artifacts string) (string, string) {
	if database == "" {
		database = "sqlite:" + filepath.Join(data, "registry.db")
	}
	if artifacts == "" {
		artifacts = (&url.URL{Scheme: "file", Path: filepath.Join(data, "artifacts")}).String()
	}
	return database, artifacts
}

// checkControlTopic refuses a control topic that another tenant may have, too.
func (c Config) checkControlTopic() error {
	err := pipeline.ValidateTopic("CONTROL_TOPIC", c.ControlTopic)
	if err != nil || c.Tenant == "" {
		return err
	}
	if err := pipeline.ValidateTenant(c.Tenant); err != nil {
		return err
	}
	if !strings.HasPrefix(c.ControlTopic, pipeline.OfTenant(c.Tenant, "")) {
		return pipeline.Invalidf("CONTROL_TOPIC", "%q is not a topic of the tenant %q", c.ControlTopic, c.Tenant).
			WithHint("set CONTROL_TOPIC=%s", pipeline.OfTenant(c.Tenant, "control"))
	}
	return nil
}

// programVariable names the variable that moves a framework's program.
func programVariable(kind framework.Kind) string { return "KAFKAML_" + strings.ToUpper(kind.Name) }

// programs reads where the frameworks' programs are.
func programs(getenv func(string) string, frameworks framework.Registry) map[string]string {
	all := map[string]string{}
	for _, kind := range frameworks.Kinds() {
		if path := getenv(programVariable(kind)); path != "" {
			all[kind.Name] = path
		}
	}
	return all
}

// programs is where each framework's program is: beside this one, unless it was
// told.
func (c Config) programs() (map[string]string, error) {
	all := map[string]string{}
	for _, kind := range c.Frameworks.Kinds() {
		all[kind.Name] = c.Programs[kind.Name]
		if all[kind.Name] != "" {
			continue
		}
		var err error
		if all[kind.Name], err = besideThis(kind); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// besideThis is the path of a framework's program in the folder of the one that
// runs.
func besideThis(kind framework.Kind) (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self) // kn-kafkaml may be a link to it
	}
	if err != nil {
		return "", &pipeline.Error{Op: "find " + kind.Program, Kind: pipeline.Unavailable, Err: err, Hint: "set " + programVariable(kind)}
	}
	return filepath.Join(filepath.Dir(self), kind.Program), nil
}

// replicaEnv is what the replicas of inferences are told on this machine: of
// those that are let in here they learn nothing but that they were. token is this
// process's own; a replica has its hash.
func (c Config) replicaEnv(token string) []string {
	if c.Cluster != nil {
		return nil
	}
	return append(
		c.childEnv(), "KAFKAML_HOSTS=", "KAFKAML_FORWARDED=", "KAFKAML_TOKENS_FILE=", "KAFKAML_OIDC_ISSUER=", "KAFKAML_EVENTS_OIDC_ISSUER=",
		"KAFKAML_ANONYMOUS="+c.Guard.Anonymous().String(), "KAFKAML_TOKENS="+identity.TokenLine("kafkaml", identity.Editor, token),
	)
}

// childEnv is what the processes of trainings and inferences are told on this
// machine; those of a cluster read its ConfigMap and Secrets.
func (c Config) childEnv() []string {
	if c.Cluster != nil {
		return nil
	}
	return append([]string{"ARTIFACT_URL=" + c.Artifacts}, slices.Concat(c.Kafka.Env(), c.Schemas.Env())...)
}
