// Package tui is the console: one Bubble Tea program, one screen a file. It shows what core knows and runs core's
// operations; it holds no rule of its own. The App owns the stack of screens, the frame around them and the overlays;
// a screen is five methods.
package tui
