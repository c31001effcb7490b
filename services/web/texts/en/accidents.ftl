accidents-title = Accidents
accidents-lead = Choose the accident your pictures are of. Pictures can be added to a closed accident too.
accident-detail = { $occurred }, accident number { $number }, { $place }
accident-title = Accident: { $kind }
accident-unsent = { $count ->
    [one] 1 picture is not sent
   *[other] { $count } pictures are not sent
}
accident-unsent-lead = A registered picture has not reached the adjuster. Please review and send.
accident-to-send = Go to sending
accident-add = Add pictures
accident-number = Accident number
accident-occurred = When
accident-place = Where
accident-pictures = Pictures
accident-no-pictures = No pictures are registered yet.
accident-counts = { $unsent } not sent, { $sent } sent
accident-submissions = What was sent
accident-submission = { $count ->
    [one] 1 picture was sent
   *[other] { $count } pictures were sent
}
accident-contact = Questions about pictures
accident-contact-lead = Please call your adjuster; until there is one, the desk below.
back-to-accident = Back to the accident
submission-seen = seen by the adjuster
submission-unseen = waits for the adjuster
picture-number = Picture { $number }
picture-alt = Picture { $number } ({ $category })
picture-duplicate = The same as picture { $number }.

add-title = Add pictures ({ $kind })
add-what = What to photograph
add-guide = The whole, then the room or part, then from near, then the model plate: in this order the adjuster sees fastest.
add-category = What they show
add-files = Pictures
add-files-support = Up to 20 at once, 32 MB each: JPEG, PNG, HEIC or WebP; for documents a PDF too.
add-submit = Register
add-not-sent = You review and send them after this.
add-choose = Please choose a picture.
add-too-many = At most { $max } at once. Please choose the others on this page again.
add-too-large = It has more than 32 MB. Please choose another picture.
add-further = Further pictures
add-duplicate = The same picture was registered before.
add-received = received
add-refused = not accepted
add-results = { $received } received{ $refused ->
    [0] {""}
   *[other] , { $refused } not accepted
}
add-unsent = Registered and not sent

send-title = Send pictures
send-lead = Choose what goes to the adjuster. You can add more afterwards, as often as you like.
send-nothing = There is nothing to send. Please add pictures first.
send-pictures = Pictures to send
send-this = Send picture { $number }
send-note = A word to the adjuster
send-note-support = Optional, up to 1,000 characters.
send-submit = Send
send-choose = Please choose a picture to send.
send-not-sendable = One of these pictures was sent already or was not accepted. Please choose again.
sent-title = Sent
sent-lead = { $count ->
    [one] 1 picture was sent to the adjuster.
   *[other] { $count } pictures were sent to the adjuster.
}
sent-shown-at = This page as of
sent-left = { $count ->
    [one] 1 picture is not sent.
   *[other] { $count } pictures are not sent.
}
sent-more = When the adjuster has looked, the accident’s page says so.

image-title = Picture { $number }
image-none = This file cannot be shown. The original was received.
image-before = Previous picture
image-after = Next picture
image-file = File
image-received = Received
image-words = Please note
