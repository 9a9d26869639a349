package chat_test

import (
	"fmt"

	"nextquill/core/chat"
)

func ExampleTemplate_Render() {
	const source = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}\n{% endfor %}" +
		"{% if add_generation_prompt %}[assistant] {% endif %}"
	template, err := chat.New("chat_template.jinja", source, map[string]string{"eos_token": "</s>"})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := template.Render([]chat.Message{
		{Role: chat.System, Content: "Write like the user."},
		{Role: chat.User, Content: "Define cynic."},
	}, chat.Options{Prompt: true})
	fmt.Println(text, err)
	// Output:
	// [system] Write like the user.</s>
	// [user] Define cynic.</s>
	// [assistant]  <nil>
}
