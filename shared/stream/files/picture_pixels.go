package files

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // a format of pictures
	_ "image/png"  // a format of pictures

	"golang.org/x/image/draw"
)

// decode reads the pixels of a picture.
func (p *pictures) decode(name string) (err error) {
	defer caught(&err)
	if _, err := p.about(name); err != nil { // it may have changed
		return err
	}
	f, err := p.in.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	from, _, err := image.Decode(bufio.NewReader(f))
	if err != nil {
		return fmt.Errorf("is a picture that is damaged: %w", err)
	}
	at := dimensions{from.Bounds().Dy(), from.Bounds().Dx()}
	if at != p.size && !p.resized {
		return fmt.Errorf("is of %s now: it has changed", at)
	}
	if gray, ok := from.(*image.Gray); ok && p.channels == 1 && at == p.size {
		for y := range p.size.height {
			copy(p.pixels[y*p.size.width:], gray.Pix[y*gray.Stride:][:p.size.width])
		}
		return nil
	}
	colors, alpha := planes(from, p.channels == 4)
	p.fill(scaled(colors, p.size), alpha)
	return nil
}

// planes are the colors of a picture without its transparency, as libraries for
// Python give three channels, and, where it is wanted, that apart.
func planes(from image.Image, transparency bool) (colors *image.RGBA, alpha *image.Gray) {
	b := from.Bounds()
	colors = image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	if transparency {
		alpha = image.NewGray(colors.Rect)
	}
	if of, ok := from.(interface{ Opaque() bool }); ok && of.Opaque() {
		draw.Draw(colors, colors.Rect, from, b.Min, draw.Src)
		for i := range alphaPixels(alpha) {
			alpha.Pix[i] = 0xff
		}
		return colors, alpha
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			c, _ := color.NRGBAModel.Convert(from.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA) // which it is
			if alpha != nil {
				alpha.Pix[y*alpha.Stride+x] = c.A
			}
			colors.SetRGBA(x, y, color.RGBA{c.R, c.G, c.B, 0xff})
		}
	}
	return colors, alpha
}

func alphaPixels(alpha *image.Gray) []byte {
	if alpha == nil {
		return nil
	}
	return alpha.Pix
}

// scaled is a picture of a size, its pixels averaged where it shrinks.
func scaled(from *image.RGBA, to dimensions) *image.RGBA {
	if from.Rect.Dx() == to.width && from.Rect.Dy() == to.height {
		return from
	}
	out := image.NewRGBA(image.Rect(0, 0, to.width, to.height))
	draw.BiLinear.Scale(out, out.Rect, from, from.Rect, draw.Src, nil)
	return out
}

// fill writes the pixels, row by row, the channels of each side by side.
func (p *pictures) fill(colors *image.RGBA, alpha *image.Gray) {
	if alpha != nil && alpha.Rect != colors.Rect {
		out := image.NewGray(colors.Rect)
		draw.BiLinear.Scale(out, out.Rect, alpha, alpha.Rect, draw.Src, nil)
		alpha = out
	}
	to := p.pixels[:0]
	for i := 0; i < len(colors.Pix); i += 4 {
		r, g, b := colors.Pix[i], colors.Pix[i+1], colors.Pix[i+2]
		switch p.channels {
		case 1:
			c, _ := color.GrayModel.Convert(color.RGBA{r, g, b, 0xff}).(color.Gray) // which it is
			to = append(to, c.Y)
		case 3:
			to = append(to, r, g, b)
		default:
			to = append(to, r, g, b, alpha.Pix[i/4])
		}
	}
}
