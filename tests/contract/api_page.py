"""Every example of the provider's API page ("IP Authorization Code Flow"), copied from it verbatim.

Only two spaces at the end of one line are left out. The keys, numbers and ids are the page's
examples.
"""

# ruff: noqa: E501 - the page's lines are longer than ours

# "To verify a phone number using our API, send an HTTP GET request to the following URL"
AUTHENTICATE_URL = "https://cloudapi.plasgate.com/ip/authenticate"
START_PARAMETERS = """\
Parameter	Value/Pattern	Example
phone_number	String	85577696118
private_key	String	xP4tZ_G7fn3Y_Bw6Hj9Z2Y8cRojv7skdQK9xl5pWgHR6N8mH7T3RfV3YsP8vcFk2lgd7w5Xu9MPsoR-PJ3q4S
redirect_uri	String	https://ip-demo.plasgate.com/callback
scope	String	mobile_id phone_verify"""

# "Scopes Exaplained"
SCOPES = "Supported values are: openid, ip:phone_verify, ip:mobile_id, ip:phone, ip:profile. One or more of the custom scopes are required also: phone_verify, mobile_id, phone, profile."

# What "After successful authentication, phone_verify will provide", and each other scope
PHONE_VERIFY = """\
{
  "sub": "99dd91d1-c949-433c-bd9e-0682eb6d6d26",
  "login_hint": "381123456789",
  "phone_number_verified": "true"
}"""
MOBILE_ID = """\
{
  "sub": "99dd91d1-c949-433c-bd9e-0682eb6d6d26",
  "mobile_id": "2d83f2c1f618313f4b24516913d4e45e00ee289af2bc428d897b175adc5775e643e52bc7286eeca02353e4eb99fccacbe263ec922dbfdde6ed64be90f0e2f780"
}"""
PHONE = """\
{
  "sub": "99dd91d1-c949-433c-bd9e-0682eb6d6d26",
  "phone_number": "381123456789"
}"""
PROFILE = """\
{
  "sub": "99dd91d1-c949-433c-bd9e-0682eb6d6d26",
  "given_name": "Teak",
  "family_name": "Omeng",
  "birthdate": "1985-07-10",
  "gender": "male",
  "personal_identification_number": "1234567890",
  "address":    {
                  "street_address": "30 7th 594",
                  "locality": "Phnom Penh City",
                  "postal_code": "12000"
                }
}"""

# The first "Example Response": the callback
CALLBACK = """\
{
  code : "bb245885-3221-4da7-8b0a-2d352cd906e9.842b5f93-2c70-4df3-930e-d7cd42516c31.e2ac8f37-5d48-468e-b449-aa911c2ce52a",
  private_key : "U4k7_tLbhEGH_rIWYt3Z5A6yFgq3fvwpqK4zn7jCVhHQNO3gk1P9ZvFXUk5cdOj2fjsq9wXZ7JLWu7W-GE2lBX",
  redirect_uri	: "http://ip-demo.plasgate.com/callback",
  session_state	: "842b5f93-2c70-4df3-930e-d7cd42516c31",
  state	: "ea736ff8-dc4d-4ee6-84d4-ebf3948be724"
}"""

# "Post request with X-Secret key"
EXCHANGE_URL = "https://cloudapi.plasgate.com/ip/ip-auth"
EXCHANGE_PARAMETERS = """\
Key	Value/Pattern	Example
private_key	String	U4k7_tLbhEGH_rIWYt3Z5A6yFgq3fvwpqK4zn7jCVhHQNO3gk1P9ZvFXUk5cdOj2fjsq9wXZ7JLWu7W-GE2lBX"""
EXCHANGE_HEADERS = """\
Key	Value/Pattern	Example
X-Secret	String	$5$rounds=535000$D8fKlgJ6D5t1uV9h$PZTJgSh8qV2VVoHs4iBl5Q7IKRoUbXSOuFe5nZhPi5D"""
EXCHANGE_BODY = """\
Key	Value/Pattern	Example
response_type	String	code
state	String	ea736ff8-dc4d-4ee6-84d4-ebf3948be724
redirect_uri	String	https://ip-demo.plasgate.com/callback
code	String	mbb245885-3221-4da7-8b0a-2d352cd906e9.842b5f93-2c70-4df3-930e-d7cd42516c31.e2ac8f37-5d48-468e-b449-aa911c2ce52a"""

# "If your phone number is sucessfully verified you will receieve the following response"
SUCCESS = """\
{
  "error_description":" ",
  "login_hint": "85577696118",
  "mobile_id":  "15957db0c9ca724a5927d3bd8d3ba04674d74bb719bf5fc6d5747af41d9a1dfe0920f52d1d5ba735ffd144b729dbfa2290e5c0bba1f5bc1de87934d57447db12","phone_number_verified":"true",
  "sid":  "fcf393ab-2555-46e1-8fa8-61b076b60918",
  "status": "success",
  "sub":  "30f4c8df9b8285bd582943071035eca089b90d2075b540450cf461a89c4bdf98"
}"""

# "Otherwise, if your phone number is not verified you will receieve the following error response"
FAILURE = """\
{
  "error_description": "Please turn off Wi-Fi or use Mobile data network",
  "login_hint": "85577696119",
  "mobile_id":  "15957db0c9ca724a5927d3bd8d3ba04674d74bb719bf5fc6d5747af41d9a1dfe0920f52d1d5ba735ffd144b729dbfa2290e5c0bba1f5bc1de87934d57447db12",
  "phone_number_verified":  "false","sid":"6f5e972e-3381-4f41-a879-8e7afc89fdd2",
  "status": "failed",
  "sub":  "anonymous"
}"""
