home-title = Home
home-register-phone = Register a number
home-look-and-send = Review and send
home-accidents = Accidents
home-accident = { $date }, accident number { $number }
home-all-accidents = All accidents
home-contract = Policy { $policy }, until { $until }
home-all-contracts = All contracts
home-request = Receipt { $receipt }, effective { $date }
home-all-requests = All requests
accidents-empty = No accident is registered. If you had one, please call us first.
contracts-empty = There is no contract to show. Group contracts and contracts of companies are not shown here.
requests-empty = There are no requests. You can change a telephone number on the page of its contract.
unsent-count = { $count ->
    [one] 1 not sent
   *[other] { $count } not sent
}
