package codec

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// look recognises another type's bytes, and text.
func (p rawPart) look(of side, record []byte) (seen, hint string) {
	if len(p.tensors) == 0 {
		return "", "send nothing there: the model takes no tensor"
	}
	if isText(record) && len(record) != p.bytes {
		if b, err := base64.StdEncoding.DecodeString(string(record)); err == nil && len(b) == p.bytes {
			return fmt.Sprintf("it is base64 of %d bytes", p.bytes), "send the bytes themselves"
		}
		return lookText(of, record)
	}
	elements := 0
	for _, t := range p.tensors {
		elements += t.Elements()
	}
	what := "data"
	if of == sideLabel {
		what = "label"
	}
	if elements > 0 && len(record)%elements == 0 {
		if types := typesOf(len(record) / elements); types != "" {
			return fmt.Sprintf("it has the bytes of %d of %s", elements, types),
				fmt.Sprintf("name in %s_type the type that was sent, or send %s: x.astype(\"%s\").tobytes()", what, p.tensors[0].DType, p.tensors[0].DType)
		}
	}
	return "", fmt.Sprintf("send each record as the bytes of %d numbers of %s, or change %s_type and %s_reshape to what is sent", elements, p.tensors[0].DType, what, what)
}

// typesOf names the types of a size.
func typesOf(size int) string {
	var all []string
	for t := Float16; t <= Bool; t++ {
		if t.Size() == size && t != BFloat16 {
			all = append(all, t.String())
		}
	}
	return strings.Join(all, " or ")
}
