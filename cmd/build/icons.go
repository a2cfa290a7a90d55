package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"
)

// An icon is the page's mark, a staircase, on a ground of the page's accent colour.
// The mark has half of the icon's side, so that it lies within the circle that systems
// may cut out.
const (
	iconSide = 200 // of the drawing
	markSide = iconSide / 2
)

var (
	iconGround = color.RGBA{0x00, 0x64, 0xa4, 0xff} // --accent in style.css
	iconMark   = color.RGBA{0xff, 0xff, 0xff, 0xff}
	// iconSteps are the mark's, in hundredths of its side; style.css has them as a
	// polygon.
	iconSteps = []image.Rectangle{image.Rect(0, 62, 34, 100), image.Rect(34, 30, 68, 100), image.Rect(68, 0, 100, 100)}
)

// iconSizes are the sides of the icons in pixels, as the manifest lists them.
var iconSizes = []int{192, 512}

// drawIcons adds the icons.
func drawIcons(_ string, built artefacts) error {
	built["icon.svg"] = svgIcon()
	for _, side := range iconSizes {
		content, err := pngIcon(side)
		if err != nil {
			return err
		}
		built[fmt.Sprintf("icon-%d.png", side)] = content
	}
	return nil
}

// inIcon is a step of the mark in the drawing.
func inIcon(step image.Rectangle) image.Rectangle {
	const margin = (iconSide - markSide) / 2
	scale := func(p image.Point) image.Point { return p.Mul(markSide).Div(100).Add(image.Pt(margin, margin)) }
	return image.Rectangle{scale(step.Min), scale(step.Max)}
}

func svgIcon() []byte {
	var mark strings.Builder
	for _, step := range iconSteps {
		r := inIcon(step)
		fmt.Fprintf(&mark, "M%d %dh%dv%dh%dz", r.Min.X, r.Min.Y, r.Dx(), r.Dy(), -r.Dx())
	}
	hex := func(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[1]d"><path fill="%[2]s" d="M0 0h%[1]dv%[1]dh-%[1]dz"/><path fill="%[3]s" d="%[4]s"/></svg>`+"\n",
		iconSide, hex(iconGround), hex(iconMark), mark.String())
}

func pngIcon(side int) ([]byte, error) {
	picture := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{iconGround, iconMark})
	for _, step := range iconSteps {
		r := inIcon(step)
		r = image.Rectangle{r.Min.Mul(side).Div(iconSide), r.Max.Mul(side).Div(iconSide)}
		draw.Draw(picture, r, image.NewUniform(iconMark), image.Point{}, draw.Src)
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err := encoder.Encode(&b, picture)
	return b.Bytes(), err
}
