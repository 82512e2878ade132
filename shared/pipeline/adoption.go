package pipeline

import "fmt"

// Adoption is a place of a stream from which on a training goes on from another
// result, as the alias that it follows has moved.
type Adoption struct {
	Number  int   `json:"number" required:"true" minimum:"1" description:"1 for the first of the training"`
	Records int64 `json:"records" required:"true" minimum:"0" description:"trained on by then"`
	Epoch   int   `json:"epoch" required:"true" minimum:"1" description:"the point of the curve that it lies in"`
	Before  int64 `json:"before" required:"true" minimum:"1" description:"the result that it went on from until then"`
	Result  int64 `json:"result" required:"true" minimum:"1" description:"the result that it goes on from"`
}

// Adopted is the data of result.adopted: the result whose training goes on, and the
// adoption that is new.
type Adopted struct {
	Result
	Adoption Adoption `json:"adoption" required:"true"`
}

// AddAdoptions adds to adoptions those of more with higher numbers, which it gives as
// new, and keeps the last 100 of all.
func AddAdoptions(adoptions, more []Adoption) (all, added []Adoption) {
	return addLater(adoptions, more, func(a Adoption) int64 { return int64(a.Number) })
}

// LastAdoption is the number of the last one, 0 for none.
func LastAdoption(adoptions []Adoption) int {
	if len(adoptions) == 0 {
		return 0
	}
	return adoptions[len(adoptions)-1].Number
}

// SuccessorModel is the key of the copy of a trained model that a training is told to go
// on from: its process reaches no other one that it did not begin with.
func SuccessorModel(checkpoint string, result int64) string {
	return fmt.Sprintf("%s/model-%d", checkpoint, result)
}

// SuccessorMark is the key of the blob, an Ancestor as JSON, by which a training that
// follows a stream is told what to go on from; checkpoint is that of its Job.
func SuccessorMark(checkpoint string) string { return checkpoint + "/successor" }
