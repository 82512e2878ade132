package records

import (
	"net/http"

	"github.com/kafkaml/kafkaml/eventing/api"
	"github.com/kafkaml/kafkaml/eventing/door"
	"github.com/kafkaml/kafkaml/shared/datasets"
	"github.com/kafkaml/kafkaml/shared/identity"
	"github.com/kafkaml/kafkaml/shared/registry"
)

// streamForm is the multipart form of POST /streams, for its description;
// readSendForm reads it.
type streamForm struct {
	Deployment     int64    `json:"deployment" example:"1" description:"deployment that is to train on the stream"`
	Topic          string   `json:"topic" example:"points" description:"topic to write to"`
	Label          string   `json:"label,omitempty" example:"y" description:"column of the label"`
	Drop           string   `json:"drop,omitempty" description:"columns to leave out"`
	Header         string   `json:"header,omitempty" enum:"names,record" description:"of CSV: what the first row is; as it seems unless given"`
	As             string   `json:"as,omitempty" enum:"csv,jsonl,npy,npz,idx,avro,parquet,arrow,tfrecord,images" description:"what the file is, where its bytes do not say"`
	Resize         string   `json:"resize,omitempty" description:"of pictures: height x width, as 128x128, that all are brought to"`
	Format         string   `json:"format,omitempty" example:"RAW" description:"RAW, AVRO or JSON"`
	DType          string   `json:"data_type,omitempty" example:"float32" description:"of the samples, for RAW"`
	Limit          int64    `json:"limit,omitempty" description:"send at most so many records"`
	ValidationRate float64  `json:"validation_rate,omitempty"`
	TestRate       float64  `json:"test_rate,omitempty"`
	Shuffle        bool     `json:"shuffle,omitempty"`
	Seed           int64    `json:"seed,omitempty"`
	Order          string   `json:"order,omitempty" enum:"time,partition"`
	Split          string   `json:"split,omitempty" enum:"time,random,label"`
	Description    string   `json:"description,omitempty"`
	Example        string   `json:"example,omitempty" description:"a data set of GET /datasets, in place of files"`
	Files          []string `json:"file,omitempty" nullable:"false" description:"one file, or two: samples and labels; a zip archive of pictures"`
}

// resources serves all that the step does.
func (s *Service) resources() []door.Resource {
	send := api.Operation{
		Pattern: "POST /streams", About: "Send records as a training stream with its control message.", Status: http.StatusCreated,
		Body: api.Content{Media: api.Form, Type: streamForm{}}, Answer: api.Content{Type: sent{}},
		Errors: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity},
	}
	shown := send
	shown.Pattern, shown.About, shown.Status, shown.Answer = "POST /streams/preview", "What sending the records would take as header, label and sample; nothing is sent.", http.StatusOK, api.Content{Type: taken{}}
	feed := door.One(
		"POST /inferences/{id}/records", "Put a record, or records of a data set, on the input topic.", feedSummary{},
		api.Param{Name: "key", Value: "", About: "key of the record"},
		api.Param{Name: "example", Value: "", About: "a data set of GET /datasets, in place of the body"},
		api.Param{Name: "limit", Value: 0, About: "records of the data set (default: 100)"}, api.Param{Name: "rate", Value: 0, About: "records of it a second (default: 1000)"},
	)
	feed.Body = api.Content{Media: api.Binary}
	feed.Errors = append(feed.Errors, http.StatusForbidden, http.StatusRequestEntityTooLarge)
	tail := door.One(
		"GET /inferences/{id}/predictions", "The predictions as they come, decoded, as Server-Sent Events.", nil,
		api.Param{Name: "last", Value: 0, About: "earlier ones of each partition, at most 200", Example: 10}, api.Param{Name: "after", Value: "", About: "resume after the id of a message"},
	)
	tail.Answer.Media = api.Stream
	preview := door.One("POST /topics/{topic}/preview", "The newest records of a topic as the tensors of a deployment's models.", Tried{})
	preview.Body = api.Content{Type: TryForm{}}
	limit := func(most string) api.Param {
		return api.Param{Name: "limit", Value: 0, About: "at most so many, up to " + most, Example: 10}
	}
	return []door.Resource{
		{Operation: api.Operation{Pattern: "GET /datasets", About: "The data sets that this machine holds.", Answer: api.Content{Type: registry.Page[datasets.Set]{}}}, Handler: listDatasets},
		{Operation: door.One("GET /topics", "The topics of the brokers.", registry.Page[Topic]{},
			api.Param{Name: "q", Value: "", About: "part of the name"}, api.Param{Name: "after", Value: "", About: "next of the page before"}, limit("200")), Handler: s.listTopics},
		{Operation: door.One("GET /topics/{topic}", "What the newest records of a topic are, and how a model might take them.", Look{},
			limit("1000"), api.Param{Name: "deployment", Value: int64(0), About: "whose models are to take them"}), Handler: s.lookAt},
		{Operation: preview, Handler: s.tryOut, Role: identity.Viewer},
		{Operation: send, Handler: s.sendStream},
		{Operation: shown, Handler: s.previewStream},
		{Operation: door.One("GET /datasources/{id}/records", "The first records of a stream, decoded.", Preview{}, limit("100")), Handler: s.peek},
		{Operation: feed, Handler: s.feed},
		{Operation: tail, Handler: s.predictions},
		{Operation: door.One("GET /inferences/{id}/dead-letters", "The last records that could not be predicted, and why.", registry.Page[outcome]{}, limit("500")), Handler: s.deadLetters},
		{Operation: door.One("GET /inferences/{id}/traffic", "How far the topics of an inference have come.", traffic{}), Handler: s.traffic},
	}
}
